import pytest
from torch import nn

from msvitreid.checkpoints import write_checkpoint, write_model_file
from msvitreid.engine.resume.abandoned_checkpoints import set_later_aside
from tests.checkpoints.test_model_file import DESCRIPTION

AVERAGED = {'meta': {'epoch': 6, 'iter': 24, 'averaged_epochs': 2}, 'state_dict': {}}


def touch(folder, *names):
    for name in names:
        (folder / name).write_text(name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ('position', 'kept'),
    [
        ((2, 0), ['epoch_1.pth', 'epoch_2.pth', 'best_mAP_epoch_2.pth']),
        ((4, 3), ['epoch_1.pth', 'epoch_2.pth', 'best_mAP_epoch_2.pth', 'epoch_4_batch_3.pth']),
        ((6, 0), None),
    ],
)
def test_what_is_later(position, kept, tmp_path):
    all_names = [
        *('epoch_1.pth', 'epoch_2.pth', 'best_mAP_epoch_2.pth', 'epoch_4_batch_3.pth'),
        *('epoch_6.pth', 'epoch_6-0123abcd.pth', 'best_rank-1_epoch_5.pth', 'epoch_5.pth'),
    ]
    touch(tmp_path, *all_names)
    write_checkpoint(AVERAGED, tmp_path / 'averaged.pth')
    every = [*all_names, 'averaged.pth']
    kept = every if kept is None else kept
    set_later_aside(tmp_path, *position)
    later = [f'abandoned_{name}' for name in every if name not in kept]
    assert names(tmp_path) == sorted([*kept, *later])


def test_a_model_file_of_a_later_epoch(tmp_path):
    net = nn.Linear(2, 2)
    trained = {'a': {'epochs': 6}, 'b': {'epochs': 0, 'iterations': 9}}
    for name, position in trained.items():
        path = tmp_path / f'{name}.safetensors'
        write_model_file(path, net, {**DESCRIPTION, 'trained': position})
    write_model_file(tmp_path / 'c.safetensors', net, DESCRIPTION)
    (tmp_path / 'd.safetensors').write_text('none')
    set_later_aside(tmp_path, 6, 0)
    assert names(tmp_path) == [f'{name}.safetensors' for name in 'abcd']
    set_later_aside(tmp_path, 0, 8)
    kept = ['c.safetensors', 'd.safetensors']
    assert names(tmp_path) == ['abandoned_a.safetensors', 'abandoned_b.safetensors', *kept]


def test_an_earlier_one_set_aside_is_not_overwritten(tmp_path):
    for number in ('', '2', '3'):
        touch(tmp_path, 'epoch_6.pth')
        (renamed,) = set_later_aside(tmp_path, 2, 0)
        assert renamed.name == f'abandoned{number}_epoch_6.pth'
    assert len(names(tmp_path)) == 3


def test_files_of_one_prefix_are_of_one_run(tmp_path):
    """Class of faults: going back twice mixes two runs under ``abandoned_``."""
    touch(tmp_path, 'epoch_3.pth', 'epoch_4.pth')
    set_later_aside(tmp_path, 3, 0)
    touch(tmp_path, 'epoch_4.pth')
    renamed = set_later_aside(tmp_path, 2, 0)
    assert [path.name for path in renamed] == [
        'abandoned2_epoch_3.pth',
        'abandoned2_epoch_4.pth',
    ]
    assert 'abandoned_epoch_4.pth' in names(tmp_path)


def test_files_of_others_stay(tmp_path):
    touch(tmp_path, 'epoch_9.txt', 'notes.pth', '.epoch_9.pth.host.1.0123abcd.tmp')
    pretrained = {'meta': {'epoch': 300}, 'state_dict': {}}
    write_checkpoint(pretrained, tmp_path / 'imagenet.pth')
    assert set_later_aside(tmp_path, 2, 0) == []
    assert len(names(tmp_path)) == 4


@pytest.mark.parametrize('there', [True, False])
def test_last_checkpoint_follows(there, tmp_path):
    touch(tmp_path, 'epoch_6.pth', 'last_checkpoint', *(['epoch_2.pth'] if there else []))
    set_later_aside(tmp_path, 2, 0)
    pointer = tmp_path / 'last_checkpoint'
    if there:
        assert pointer.read_text() == str(tmp_path / 'epoch_2.pth')
    else:
        assert not pointer.exists()
