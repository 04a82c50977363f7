import pytest
import torch

from msvitreid.checkpoints import write_checkpoint
from msvitreid.engine.resume.last_good_checkpoint import last_good_checkpoint

NAN = torch.tensor([1.0, float('nan')])
INF = torch.tensor([1.0, float('inf')])


@pytest.fixture
def write(tmp_path):
    def write(name, **parts):
        state = {'state_dict': {'weight': torch.ones(2), 'number': torch.tensor(3)}}
        write_checkpoint({**state, **parts}, tmp_path / name)

    return write


def test_the_newest_before_the_step(write, tmp_path):
    for name in ('epoch_1.pth', 'epoch_2.pth', 'epoch_2_batch_5.pth', 'epoch_10.pth'):
        write(name)
    (tmp_path / 'averaged.pth').write_bytes(b'')
    for epoch, batch, expected in [
        (0, 7, None),
        (1, 0, 'epoch_1.pth'),
        (1, 99, 'epoch_1.pth'),
        (2, 4, 'epoch_2.pth'),
        (2, 5, 'epoch_2_batch_5.pth'),
        (9, 9, 'epoch_2_batch_5.pth'),
        (10, 0, 'epoch_10.pth'),
    ]:
        found = last_good_checkpoint(tmp_path, epoch, batch)
        assert found == (expected and tmp_path / expected)


@pytest.mark.parametrize(
    'spoilt',
    [
        {'state_dict': {'weight': NAN}},
        {'state_dict': {'weight': INF}},
        {'optimizer': {'state': {0: {'momentum_buffer': NAN}}}},
        {'weight_average': {'count': 1, 'average': {'weight': NAN}}},
        {'list': [{'deep': (NAN,)}]},
    ],
)
def test_what_is_not_finite_is_passed_over(write, tmp_path, spoilt):
    write('epoch_1.pth')
    write('epoch_2.pth', **spoilt)
    assert last_good_checkpoint(tmp_path, 5, 0) == tmp_path / 'epoch_1.pth'


def test_a_loss_in_the_log_does_no_harm(write, tmp_path):
    write('epoch_1.pth', message_hub={'log_scalars': {'train/loss': [NAN, NAN]}})
    assert last_good_checkpoint(tmp_path, 5, 0) == tmp_path / 'epoch_1.pth'


def test_a_truncated_file_is_passed_over(write, tmp_path):
    write('epoch_1.pth')
    (tmp_path / 'epoch_2.pth').write_bytes((tmp_path / 'epoch_1.pth').read_bytes()[:-100])
    assert last_good_checkpoint(tmp_path, 5, 0) == tmp_path / 'epoch_1.pth'
