# ruff: noqa: F401, F811
"""``msvitreid export`` and ``msvitreid doctor``: what they print, and their exit codes."""

import json

import pytest

from msvitreid.apis import ReIDInferencer
from msvitreid.cli import doctor, export
from msvitreid.deployment.export import export_formats
from tests.apis.test_exporting import broken, checked, images, model_file


def given(model_file, out, checked, *more):
    return [*map(str, [model_file, '--out', out, '--check', *checked]), *more]


def test_the_formats_are_the_registered_ones():
    assert [*export.FORMATS] == [*export_formats()]


def test_a_table_and_a_file(model_file, checked, tmp_path, capsys):
    out = tmp_path / 'net.torchscript'
    export.main(given(model_file, out, checked, '--format', 'torchscript'))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'torchscript, float32, includes: preprocess, flip, normalize'
    assert [line.split(',')[0] for line in lines[2:5]] == ['torch', *['torchscript'] * 2]
    assert '0 of 16' in lines[3]
    assert 'count as equal' in lines[5]
    assert ReIDInferencer(out).dimension == 80


def test_json(model_file, checked, tmp_path, capsys):
    out = tmp_path / 'net.torchscript'
    options = ('--format', 'torchscript', '--include', 'none', '--json')
    export.main(given(model_file, out, checked, *options))
    found = json.loads(capsys.readouterr().out)
    assert (found['kept'], found['include'], found['images']) == (True, [], 16)


def test_exit_code_1_and_nothing_left(broken, model_file, checked, tmp_path, capsys):
    out = tmp_path / 'net.torchscript'
    with pytest.raises(SystemExit) as exit_:
        export.main(given(model_file, out, checked, '--format', 'torchscript'))
    assert exit_.value.code == 1
    assert 'not written' in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_half_and_int8_exclude_each_other(model_file, checked, capsys):
    with pytest.raises(SystemExit) as exit_:
        export.main(given(model_file, 'net.xml', checked, '--half', '--int8', 'a.jpg'))
    assert exit_.value.code == 2


@pytest.mark.parametrize('healthy', [True, False])
def test_doctor(healthy, model_file, tmp_path, capsys, monkeypatch):
    """Of pictures that it draws itself."""
    from msvitreid.apis import doctor as api

    monkeypatch.setattr(api, 'export_formats', dict)
    if not healthy:
        monkeypatch.setattr(api.Measured, 'agrees', property(lambda self: False))
        with pytest.raises(SystemExit) as exit_:
            doctor.main([str(model_file)])
        assert exit_.value.code == 1
    else:
        doctor.main([str(model_file)])
    out, err = capsys.readouterr()
    assert '24 images' in out
    assert ('WRONG' in out) == (not healthy)
    assert ('array BGR' in err) == (not healthy)
    assert 'versions: msvitreid' in out


@pytest.mark.parametrize('command', ['export', 'doctor'])
def test_unreadable_images_are_named(
    command, model_file, checked, tmp_path, capsys, monkeypatch
):
    """Exit code 0, as what was asked for is done; class of faults: stopping at one image."""
    from msvitreid.apis import doctor as api

    monkeypatch.setattr(api, 'export_formats', dict)
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no image')
    if command == 'export':
        options = ('--format', 'torchscript', '--json')
        export.main(given(model_file, tmp_path / 'n.torchscript', [*checked, broken], *options))
    else:
        doctor.main([*map(str, [model_file, *checked, broken]), '--json'])
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document['images'] == 16
    assert list(document['failed']) == [str(broken)]
    assert err.count('broken.jpg') == 1
