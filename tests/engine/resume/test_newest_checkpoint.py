import pytest
import torch

from msvitreid.engine.resume.newest_checkpoint import newest_complete
from msvitreid.errors import CheckpointError


def save(folder, *names):
    for name in names:
        torch.save({'state_dict': {'w': torch.zeros(3)}}, folder / name)


def test_the_one_that_got_farthest(tmp_path):
    save(tmp_path, 'epoch_10.pth', 'epoch_9.pth', 'averaged.pth', 'abandoned_epoch_12.pth')
    assert newest_complete(tmp_path).name == 'epoch_10.pth'


@pytest.mark.parametrize('size', [0, 10, 600, -1])
def test_a_truncated_file_is_named_and_passed_over(size, tmp_path, capsys):
    save(tmp_path, 'epoch_1.pth', 'epoch_2.pth')
    whole = (tmp_path / 'epoch_2.pth').read_bytes()
    (tmp_path / 'epoch_2.pth').write_bytes(whole[:size])
    assert newest_complete(tmp_path).name == 'epoch_1.pth'
    printed = capsys.readouterr()
    assert 'passes over a broken file' in printed.out + printed.err
    assert 'epoch_2.pth' in printed.out + printed.err


def test_bytes_lost_inside_are_noticed(tmp_path):
    save(tmp_path, 'epoch_1.pth')
    torch.save({'w': torch.arange(10_000)}, tmp_path / 'epoch_2.pth')
    content = bytearray((tmp_path / 'epoch_2.pth').read_bytes())
    content[20_000:24_000] = bytes(4000)
    (tmp_path / 'epoch_2.pth').write_bytes(content)
    assert newest_complete(tmp_path).name == 'epoch_1.pth'


def test_where_all_are_broken_it_is_said(tmp_path):
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        (tmp_path / name).write_bytes(b'PK')
    with pytest.raises(CheckpointError, match=r'none of the 2 checkpoints'):
        newest_complete(tmp_path)


def test_looking_changes_nothing(tmp_path):
    """Class of faults: a start removes what another run is still writing."""
    (tmp_path / '.epoch_4.pth.tmp').write_bytes(b'half')
    assert newest_complete(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ['.epoch_4.pth.tmp']


def test_no_folder_yet(tmp_path):
    assert newest_complete(tmp_path / 'new') is None
