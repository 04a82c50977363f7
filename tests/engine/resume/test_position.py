"""Class of faults: a file's counts that are not compared with each other or with the run."""

from types import SimpleNamespace

import pytest
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from msvitreid.engine.resume.experiment_changes import Change
from msvitreid.engine.resume.position import iteration_change, require_within_run, take_accepted
from msvitreid.errors import CheckpointError


def run(loop=EpochBasedTrainLoop, max_epochs=3, max_iters=12):
    return SimpleNamespace(
        train_loop=object.__new__(loop),
        train_dataloader=range(4),
        max_epochs=max_epochs,
        max_iters=max_iters,
        seed=7,
    )


@pytest.mark.parametrize(
    ('epoch', 'batch', 'iteration', 'expected'),
    [
        (2, None, 8, None),
        (2, 3, 11, None),
        (0, 1, 1, None),
        (2, None, 0, 8),
        (2, None, 10**12, 8),
        (2, 3, 8, 11),
        (0, None, 1, 0),
    ],
)
def test_the_iteration_follows_from_the_epoch(epoch, batch, iteration, expected):
    meta = {'epoch': epoch, 'iter': iteration, **({'batch': batch} if batch else {})}
    change = iteration_change(run(), meta)
    if expected is None:
        assert change is None
        return
    assert change == Change('meta.iter', str(iteration), str(expected))
    take_accepted(run(), meta, {change.name: change})
    assert meta['iter'] == expected


def test_a_run_that_counts_iterations_has_no_epochs():
    meta = {'epoch': 0, 'iter': 5}
    assert iteration_change(run(IterBasedTrainLoop, 1), meta) is None


def test_an_accepted_seed():
    meta = {'epoch': 1, 'iter': 4, 'seed': 0}
    take_accepted(run(), meta, {'randomness.seed': Change('randomness.seed', '0', '7')})
    assert meta == {'epoch': 1, 'iter': 4, 'seed': 7}


@pytest.mark.parametrize(
    ('loop', 'meta', 'named'),
    [
        (EpochBasedTrainLoop, {'epoch': 4, 'iter': 16}, r'meta\.epoch 4, .*max_epochs=3'),
        (EpochBasedTrainLoop, {'epoch': 10**9, 'iter': 0}, r'meta\.epoch 1000000000, '),
        (IterBasedTrainLoop, {'epoch': 0, 'iter': 13}, r'meta\.iter 13, .*max_iters=12'),
    ],
)
def test_a_checkpoint_after_the_end(loop, meta, named):
    with pytest.raises(CheckpointError, match=rf"'a\.pth' .*{named}"):
        require_within_run(run(loop), meta, 'a.pth')


def test_the_last_one_is_within():
    require_within_run(run(), {'epoch': 3, 'iter': 30}, 'a.pth')
    require_within_run(run(IterBasedTrainLoop), {'epoch': 0, 'iter': 12}, 'a.pth')
