import errno
import hashlib
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from msvitreid.checkpoints import (
    digest,
    extract_state_dict,
    fill_model,
    read_checkpoint,
    write_checkpoint,
)
from msvitreid.errors import CheckpointError, OutputError


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
    fill_model(net(), extract_state_dict(checkpoint, path), path)
    assert os.listdir(tmp_path) == ['a.pth']


def test_pickled_code_is_refused_and_not_run(tmp_path):
    path, marker = tmp_path / 'trap.pth', tmp_path / 'marker'
    torch.save({'state_dict': {}, 'meta': Trap(marker)}, path)
    with pytest.raises(
        CheckpointError, match=r"trap\.pth' contains pickled code \(\w+\.mkdir\)"
    ):
        read_checkpoint(path)
    assert not marker.exists()


def test_config_text_in_the_metadata_is_dropped(tmp_path):
    """mmengine's ``resume`` would execute it."""
    torch.save({'meta': {'config': 'import os', 'epoch': 1}}, tmp_path / 'a.pth')
    assert read_checkpoint(tmp_path / 'a.pth')['meta'] == {'epoch': 1}


@pytest.mark.parametrize('content', [b'', b'just text', b'PK\x03\x04 cut'])
def test_other_files(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth' is .*not a PyTorch"):
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
        assert list(extract_state_dict(checkpoint, 'x')) == ['a']
    with pytest.raises(CheckpointError, match="'x' holds no weights"):
        extract_state_dict({'meta': {}}, 'x')


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
    with pytest.raises(CheckpointError, match='does not exist'):
        digest(tmp_path / 'b')
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(CheckpointError, match='pipe'):
        digest(tmp_path / 'pipe')
