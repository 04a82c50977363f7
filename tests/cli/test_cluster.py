"""``msvitreid cluster``: a gallery becomes a training list that this package reads."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from msvitreid.apis.clustering import sheet
from msvitreid.cli.main import main
from msvitreid.errors import (
    CalibrationError,
    ConfigError,
    DatasetError,
    GalleryError,
    OutputError,
)
from msvitreid.gallery import create_gallery
from tests.apis.clustering.made import identities
from tests.apis.verification.sample_card import sample_card

FINGERPRINT = 'ab' * 32


def write_gallery(folder, count=6, images=4, changes=None, fingerprint=FINGERPRINT):
    rows, pids = identities(count, images, noise=0.05)
    names = [f'cam{i % 2}/{i:03d}.jpg' for i in range(len(rows))]
    metadata = [
        {'pid': f'p{pid}', 'camera': f'c{i % 2}', **(changes or {}).get(i, {})}
        for i, pid in enumerate(pids)
    ]
    with create_gallery(folder, rows.shape[1], fingerprint) as gallery:
        gallery.add(names, rows, metadata)
    return folder


@pytest.fixture
def gallery(tmp_path):
    return write_gallery(tmp_path / 'people.gallery')


def draw_images(root, gallery):
    for i in range(24):
        path = root / f'cam{i % 2}' / f'{i:03d}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (32, 64), (9 * i, 90, 40 * (i % 4))).save(path)


def run(capsys, *argv):
    """Exit code, the JSON document, and errors."""
    code = 0
    try:
        main(['cluster', *map(str, argv), '--json'])
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_a_gallery_becomes_a_list_that_check_data_takes(gallery, tmp_path, capsys):
    images, out = tmp_path / 'images', tmp_path / 'new' / 'clusters.csv'
    draw_images(images, gallery)
    sheet = tmp_path / 'sheet.jpg'
    code, facts, _ = run(
        capsys, gallery, '--threshold', 0.7, '--out', out, '--show', sheet, '--root', images
    )
    assert (code, facts['images'], facts['clusters'], facts['alone']) == (0, 24, 6, 0)
    assert (
        facts['figures']['b3-F'] == facts['figures']['pair-F'] == facts['figures']['AMI'] == 1
    )
    assert (facts['figures']['labelled'], facts['figures']['classes']) == (24, 6)
    assert facts['fingerprint'] == FINGERPRINT
    assert out.read_text().splitlines()[:2] == ['path,pid,camid', 'cam0/000.jpg,0,c0']
    assert Image.open(sheet).size[0] > 300
    config = tmp_path / 'config.py'
    config.write_text(
        f"dataset = dict(type='ReIDDataset', data_root={str(images)!r}, csv={str(out)!r})\n"
        'train_dataloader = dict(dataset=dataset)\n'
    )
    main(['check-data', str(config)])
    assert re.search(r'train +24 +6 +2 +c0, c1', capsys.readouterr().out)


def test_the_threshold_of_a_card(gallery, tmp_path, capsys):
    card = tmp_path / 'card.json'
    sample_card(fingerprint=FINGERPRINT).save(card)
    out = tmp_path / 'c.csv'
    for fmr, threshold in ((1e-3, 0.7), (1e-2, 0.6)):
        _, facts, _ = run(capsys, gallery, '--card', card, '--fmr', fmr, '--out', out)
        assert facts['threshold'] == threshold
    assert run(capsys, gallery, '--card', card, '--out', out)[1]['threshold'] == 0.7
    sample_card(fingerprint='cd' * 32).save(card)
    with pytest.raises(CalibrationError, match=r'card\.json.*cdcdcdcd'):
        run(capsys, gallery, '--card', card, '--out', out)


def test_previous_clusters_stay_and_names_are_kept(tmp_path, capsys):
    first = write_gallery(tmp_path / 'first', count=4)
    out = tmp_path / 'clusters.csv'
    run(capsys, first, '--threshold', 0.7, '--out', out)
    # The user calls one cluster by its name, and one image has gone.
    lines = out.read_text().replace(',0,', ',alice,').splitlines()
    out.write_text('\n'.join([*lines, 'gone.jpg,17,c0']) + '\n')
    both = write_gallery(tmp_path / 'both', count=6)
    again = tmp_path / 'again.csv'
    options = ('--threshold', 0.7, '--previous', out, '--out', again)
    code, facts, err = run(capsys, both, *options)
    assert (code, facts['clusters'], facts['figures']['b3-F']) == (0, 6, 1)
    assert 'gone.jpg' in err
    pids = dict(line.split(',')[:2] for line in again.read_text().splitlines()[1:])
    before = dict(line.split(',')[:2] for line in out.read_text().splitlines()[1:-1])
    assert pids == {**pids, **before}
    # New numbers are above all that were used.
    assert set(pids.values()) == {'alice', '1', '2', '3', '18', '19'}
    with pytest.raises(ConfigError, match='method'):
        run(capsys, both, *options, '--method', 'dbscan')


def test_columns_are_constraints_of_their_camera(tmp_path, capsys):
    changes = {i: {'frame': 1, 'tracklet': i} for i in range(4)}
    # Images 0 and 2, and 1 and 3, are of one camera and so of one frame.
    gallery = write_gallery(tmp_path / 'g', changes=changes)
    out = tmp_path / 'c.csv'
    _, facts, _ = run(capsys, gallery, '--threshold', 0.7, '--out', out)
    assert facts['clusters'] == 7
    assert facts['kept_apart'] > 0
    joined = write_gallery(
        tmp_path / 'joined', changes={i: {'shot': 'x', 'track': 5} for i in range(4)}
    )
    options = ('--threshold', 0.7, '--out', tmp_path / 'd.csv')
    assert run(capsys, joined, *options)[1]['clusters'] == 6
    columns = ('--frame-column', 'shot', '--tracklet-column', 'track')
    with pytest.raises(DatasetError, match=r'tracklet 5 of camera c0.*cam0/00.*frame x'):
        run(capsys, joined, *options, *columns)
    assert len((tmp_path / 'd.csv').read_text().splitlines()) == 25
    with pytest.raises(ConfigError, match=r"'trakc'.*'track'"):
        run(capsys, joined, *options, '--tracklet-column', 'trakc')
    listed = write_gallery(tmp_path / 'listed', changes={0: {'frame': [1]}})
    with pytest.raises(DatasetError, match=r"'frame' of 'cam0/000\.jpg'"):
        run(capsys, listed, *options)


@pytest.mark.parametrize('value', ['nan', '-1', -1, 'None', '', 'N/A', None])
def test_tracklets_that_are_not_known_join_nothing(value, tmp_path, capsys):
    """Class of faults: all images without a tracklet become one identity.

    Of six identities one cluster was made, where a table had ``nan`` for an unknown tracklet.
    """
    gallery = write_gallery(
        tmp_path / 'g', changes={i: {'tracklet': value, 'frame': value} for i in range(24)}
    )
    _, facts, _ = run(capsys, gallery, '--threshold', 0.7, '--out', tmp_path / 'c.csv')
    assert (facts['clusters'], facts['kept_apart']) == (6, 0)


def test_errors_name_clusters_as_the_previous_list_does(tmp_path, capsys):
    gallery = write_gallery(
        tmp_path / 'g', changes={i: {'frame': i} for i in range(2)} | {2: {'frame': 0}}
    )
    previous = tmp_path / 'previous.csv'
    previous.write_text('path,pid\ncam0/000.jpg,anna\ncam0/002.jpg,anna\n')
    options = ('--threshold', 0.7, '--previous', previous, '--out', tmp_path / 'c.csv')
    with pytest.raises(DatasetError, match=r"the cluster 'anna' joins .*cam0/000\.jpg"):
        run(capsys, gallery, *options)


def test_images_that_are_gone_are_gray_tiles_and_exit_code_1(gallery, tmp_path, capsys):
    sheet = tmp_path / 'sheet.png'
    options = ('--threshold', 0.7, '--out', tmp_path / 'c.csv', '--show', sheet)
    code, facts, err = run(capsys, gallery, *options)
    assert code == 1
    assert 'cam0/000.jpg' in facts['not_drawn']
    assert len(facts['not_drawn']) == 24
    assert 'not drawn: 24' in err
    assert sheet.exists()


def test_labels_that_are_missing_are_left_out_of_the_figures(tmp_path, capsys):
    changes = {i: {'pid': value} for i, value in enumerate([None, -1, 'nan', ''])}
    gallery = write_gallery(tmp_path / 'g', changes=changes)
    _, facts, _ = run(capsys, gallery, '--threshold', 0.7, '--out', tmp_path / 'c.csv')
    assert (facts['figures']['labelled'], facts['figures']['classes']) == (20, 5)
    main(['cluster', str(gallery), '--threshold', '0.7', '--out', str(tmp_path / 'c.csv')])
    assert '20 images with labels, 5 classes in 5 clusters' in capsys.readouterr().out


def test_an_empty_gallery(tmp_path, capsys):
    with create_gallery(tmp_path / 'g', 4, FINGERPRINT):
        pass
    code, facts, _ = run(
        capsys, tmp_path / 'g', '--threshold', 0.7, '--out', tmp_path / 'c.csv'
    )
    assert (code, facts['images'], facts['clusters'], facts['figures']) == (0, 0, 0, {})


@pytest.mark.parametrize(
    ('id_', 'metadata', 'match'),
    [
        ('../up.jpg', {}, 'up.jpg'),
        ('a\nb.jpg', {}, None),
        ('a\x1bb.jpg', {}, 'control'),
        ('http://a/b.jpg', {}, 'URL'),
        ('cam0/./000.jpg', {}, 'line 2 already|is in line'),
        ('x.jpg', {'camera': 'C0 '}, None),
        ('y.jpg', {'camera': ' c0'}, None),
    ],
)
def test_ids_that_no_list_can_have(id_, metadata, match, gallery, tmp_path, capsys):
    """Class of faults: a list is written that the package's own reader refuses."""
    from msvitreid.gallery import open_gallery

    with open_gallery(gallery) as opened:
        opened.add([id_], np.eye(1, 16, dtype=np.float32), [metadata])
    out = tmp_path / 'c.csv'
    if match is None:
        assert run(capsys, gallery, '--threshold', 0.7, '--out', out)[0] == 0
        return
    with pytest.raises(DatasetError, match=match):
        run(capsys, gallery, '--threshold', 0.7, '--out', out)
    assert [path.name for path in tmp_path.iterdir()] == [gallery.name]


@pytest.mark.parametrize('threshold', ['nan', '2', '-7', 'inf'])
def test_thresholds_out_of_range(threshold, gallery, tmp_path, capsys):
    out = tmp_path / 'c.csv'
    with pytest.raises(ConfigError, match='threshold'):
        run(capsys, gallery, f'--threshold={threshold}', '--out', out)
    assert not out.exists()


@pytest.mark.parametrize(
    ('options', 'error', 'match'),
    [
        (['--threshold', '0.5', '--method', 'kmeans'], ConfigError, 'method'),
        (['--threshold', '0.5', '--neighbors', '0'], ConfigError, 'k_reciprocal'),
        (['--threshold', '0.5', '--out', 'c.txt'], ConfigError, '--out'),
        (['--threshold', '0.5', '--show', 'c.gif'], ConfigError, 'c.gif'),
        (['--threshold', '0.5', '--previous', 'gone.csv'], DatasetError, 'gone.csv'),
        (['--card', 'gone.json'], CalibrationError, 'gone.json'),
    ],
)
def test_options_that_are_none(options, error, match, gallery, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=match):
        run(capsys, gallery, *options)


def test_usage(capsys, tmp_path, gallery):
    for options in (
        [],
        ['--threshold', '0.5', '--card', 'c'],
        ['--threshold', '1', '--fmr', '1'],
    ):
        with pytest.raises(SystemExit) as end:
            main(['cluster', str(gallery), *options])
        assert end.value.code == 2
    capsys.readouterr()
    with pytest.raises(GalleryError, match='none'):
        main(['cluster', str(tmp_path / 'none'), '--threshold', '0.5'])
    (tmp_path / 'folder.csv').mkdir()
    with pytest.raises(OutputError, match=r'folder\.csv'):
        main(
            [
                'cluster',
                str(gallery),
                '--threshold',
                '0.5',
                '--out',
                str(tmp_path / 'folder.csv'),
            ]
        )


@pytest.mark.parametrize(
    'text', ['path,pid\na.jpg,nan\n', 'path\na.jpg\n', '', 'path,pid\na,1,2\n']
)
def test_previous_lists_that_are_none(text, gallery, tmp_path, capsys):
    previous = tmp_path / 'previous.csv'
    previous.write_text(text)
    with pytest.raises(DatasetError, match=r'previous\.csv'):
        run(capsys, gallery, '--threshold', 0.7, '--previous', previous)


def test_pictures_and_lists_never_replace_what_is_read(tmp_path, capsys, monkeypatch):
    """Outputs that take the place of inputs; the user's images lie below --root or here."""
    gallery = write_gallery(tmp_path / 'g')
    draw_images(tmp_path / 'images', gallery)
    draw_images(tmp_path, gallery)
    monkeypatch.chdir(tmp_path)
    for options in (
        ['--show', 'images/cam0/000.jpg', '--root', 'images'],
        ['--show', 'cam1/001.jpg'],
        ['--out', 'g/clusters.csv'],
        ['--out', 'c.csv', '--show', 'g/sheet.jpg'],
    ):
        with pytest.raises(
            ConfigError, match=re.escape(options[-1 if 'g/' in options[-1] else 1])
        ):
            run(capsys, gallery, '--threshold', 0.7, *options)
    assert Image.open('images/cam0/000.jpg').size == (32, 64)
    assert not (tmp_path / 'clusters.csv').exists()
    assert {one.name.split('.')[0] for one in gallery.iterdir()} <= {
        'gallery',
        'vectors-000001',
        'run',
    }


@pytest.mark.parametrize('id_', ['../secret.jpg', '/etc/secret.jpg', 'a/../../secret.jpg'])
def test_ids_that_lead_out_of_the_root_are_not_drawn(id_, tmp_path):
    """Files elsewhere that a stranger's gallery has opened."""
    assert sheet._place(id_, {}, tmp_path / 'images') is None
    assert sheet._place('a.jpg', {}, tmp_path) == str(tmp_path / 'a.jpg')


def test_a_full_disk_for_the_picture_says_that_the_list_is_there(
    gallery, tmp_path, monkeypatch
):
    """Class of faults: "not done", though one of two results is new."""

    def fail(*_):
        raise OutputError('no space')

    monkeypatch.setattr('msvitreid.apis.clustering.draw_clusters', fail)
    out, sheet = str(tmp_path / 'c.csv'), str(tmp_path / 's.jpg')
    with pytest.raises(OutputError, match=r"no space; the list '.*c\.csv' is written"):
        main(['cluster', str(gallery), '--threshold', '0.5', '--out', out, '--show', sheet])
    assert (tmp_path / 'c.csv').exists()
