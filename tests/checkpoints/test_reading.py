import errno
import hashlib
import os
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from msvitreid.checkpoints import (
    digest,
    fill_model,
    filling,
    read_checkpoint,
    use_safe_loading,
    weights_of,
    write_checkpoint,
)
from msvitreid.errors import CheckpointError, OutputError
from msvitreid.registry import MODELS


class Trap:
    """Pickled code: unpickling it the ordinary way makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def net():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def test_round_trip(tmp_path):
    path = tmp_path / 'a.pth'
    write_checkpoint({'meta': {'epoch': 3}, 'state_dict': net().state_dict()}, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint['meta']['epoch'] == 3
    fill_model(net(), weights_of(checkpoint, path), path)
    assert os.listdir(tmp_path) == ['a.pth']


def test_pickled_code_is_refused_and_not_run(tmp_path):
    path, marker = tmp_path / 'trap.pth', tmp_path / 'marker'
    torch.save({'state_dict': {}, 'meta': Trap(marker)}, path)
    with pytest.raises(
        CheckpointError, match=r"trap\.pth' contains pickled code \(\w+\.mkdir\)"
    ):
        read_checkpoint(path)
    assert not marker.exists()


def test_mmengine_reads_through_the_same_door(tmp_path):
    path, marker = tmp_path / 'trap.pth', tmp_path / 'marker'
    torch.save(Trap(marker), path)
    use_safe_loading()
    with pytest.raises(CheckpointError, match='refused'):
        CheckpointLoader.load_checkpoint(str(path))
    for remote in ('https://example.org/a.pth', 'torchvision://resnet50', 's3://bucket/a.pth'):
        with pytest.raises(CheckpointError, match='is not a local file'):
            CheckpointLoader.load_checkpoint(remote)
    assert not marker.exists()


def test_config_text_in_the_metadata_is_dropped(tmp_path):
    """mmengine's ``resume`` would execute it."""
    torch.save({'meta': {'config': 'import os', 'epoch': 1}}, tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth')['meta'] == {'epoch': 1}


@pytest.mark.parametrize('content', [b'', b'just text', b'PK\x03\x04 cut'])
def test_other_files(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth' is (truncated or )?not a PyTorch file"):
        read_checkpoint(path)


def test_truncated_file(tmp_path):
    path = tmp_path / 'a.pth'
    write_checkpoint(net().state_dict(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match='truncated'):
        read_checkpoint(path)


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.pth' does not exist"):
        read_checkpoint(tmp_path / 'gone.pth')


@pytest.mark.parametrize('read', [read_checkpoint, digest])
def test_a_folder_is_no_checkpoint(read, tmp_path):
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"checkpoint '{tmp_path}' is a folder; name a file in it, such as averaged.pth"
    )


def test_a_bare_tensor_is_no_checkpoint(tmp_path):
    torch.save(torch.zeros(2), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='holds a Tensor, not a dict'):
        read_checkpoint(tmp_path / 'a.pth')


def test_weights_are_found_where_people_put_them():
    weight = torch.zeros(2)
    for checkpoint in (
        {'a': weight},
        {'module.a': weight, 'epoch': 3},
        {'state_dict': {'a': weight}},
        {'model': {'module.a': weight}},
        {'state_dict': {'model': {'a': weight}}},
        {'a': weight, 3: weight},
    ):
        assert list(weights_of(checkpoint, 'x')) == ['a']
    with pytest.raises(CheckpointError, match="'x' holds no weights"):
        weights_of({'meta': {}}, 'x')


def test_filling_names_every_kind_of_misfit():
    weights = net().state_dict()
    del weights['1.running_mean']
    weights['0.weight'] = torch.zeros(5, 3)
    weights['2.extra'] = torch.zeros(1)
    with pytest.raises(CheckpointError) as caught:
        fill_model(net(), weights, 'a.pth')
    assert str(caught.value) == (
        "checkpoint 'a.pth' does not fit the model of the config: "
        '1 keys are missing (1.running_mean), 1 keys are unexpected (2.extra), '
        '1 keys are of another shape (0.weight (5, 3) instead of (2, 3))'
    )


def test_the_log_has_every_misfit(monkeypatch):
    """The sentence names three of a kind, the log all, one a line, with both shapes."""
    lines = []
    monkeypatch.setattr(filling, 'print_log', lambda text, **_: lines.append(text))
    many = {f'2.extra{i}': torch.zeros(1) for i in range(5)}
    weights = {**net().state_dict(), **many, '0.weight': torch.zeros(5, 3)}
    with pytest.raises(CheckpointError, match=r'5 keys are unexpected \(.*extra2, \.\.\.\), 1'):
        fill_model(net(), weights, 'a.pth')
    assert lines == [
        'a.pth: 6 keys fit the model\n'
        '5 keys are unexpected:\n'
        '  2.extra0\n  2.extra1\n  2.extra2\n  2.extra3\n  2.extra4\n'
        '1 keys are of another shape:\n'
        '  0.weight (5, 3) instead of (2, 3)'
    ]


def test_the_report_of_a_model_that_was_filled():
    report = fill_model(net(), net().state_dict(), 'a.pth')
    assert report.loaded == sorted(net().state_dict())
    assert report.misfits == report.left_out == []
    assert report.summary('0123456789abcdef') == (
        '7 tensors loaded from a.pth (sha256 0123456789ab)'
    )


def test_what_the_model_itself_leaves_out_is_reported():
    head = dict(in_channels=16, num_vectors=2)
    source = MODELS.build(dict(type='BNNeckHead', num_classes=3, **head)).state_dict()
    report = fill_model(MODELS.build(dict(type='BNNeckHead', **head)), source, 'a.pth')
    assert report.left_out == ['classifiers.0.weight', 'classifiers.1.weight']
    assert len(report.loaded) == len(source) - 2


def test_other_classes_are_recognised():
    model = nn.ModuleDict({'head': MODELS.build(dict(type='BNNeckHead', num_classes=3))})
    weights = nn.ModuleDict({'head': MODELS.build(dict(type='BNNeckHead', num_classes=4))})
    with pytest.raises(CheckpointError, match=r"load_except=\['head\.classifiers'\]"):
        fill_model(model, weights.state_dict(), 'a.pth')
    one_neck = [MODELS.build(dict(type='SingleBNNeckHead', num_classes=n)) for n in (3, 4)]
    with pytest.raises(CheckpointError, match=r"load_except=\['head\.classifier'\]"):
        fill_model(
            nn.ModuleDict({'head': one_neck[0]}),
            nn.ModuleDict({'head': one_neck[1]}).state_dict(),
            'a.pth',
        )
    other = {n: w for n, w in weights.state_dict().items() if n != 'head.linears.0.weight'}
    with pytest.raises(CheckpointError, match=r'does not fit') as caught:
        fill_model(model, other, 'a.pth')
    assert 'load_except' not in str(caught.value)


def test_names_of_a_stranger_break_no_line(monkeypatch):
    lines = []
    monkeypatch.setattr(filling, 'print_log', lambda text, **_: lines.append(text))
    strange = {'a\nERROR: all is well': torch.zeros(1), 'b' * 1000: torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        fill_model(net(), {**net().state_dict(), **strange}, 'a.pth')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert len(lines[0].splitlines()) == 4


def test_tensors_of_another_kind_are_one_sentence():
    weights = net().state_dict()
    weights['0.weight'] = weights['0.weight'].to_sparse()
    with pytest.raises(
        CheckpointError, match=r'of a kind that the model cannot take'
    ) as caught:
        fill_model(net(), weights, 'a.pth')
    assert '\n' not in str(caught.value)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'a.pth'
    write_checkpoint({'n': torch.zeros(1)}, path)
    before = path.read_bytes()

    def fail(file, _content):
        file.write_text('half')
        raise OSError(errno.ENOSPC, 'disk full')

    monkeypatch.setattr(Path, 'write_bytes', fail)
    with pytest.raises(OutputError, match=r'a\.pth.*disk full'):
        write_checkpoint({'n': torch.ones(1)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['a.pth']


def test_digest(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    assert digest(tmp_path / 'a') == hashlib.sha256(b'abc').hexdigest()
    with pytest.raises(CheckpointError, match='cannot be read'):
        digest(tmp_path / 'b')
