import multiprocessing
import os
import signal
import subprocess

import pytest
import torch
from mmengine.hooks import Hook
from torch import distributed

from msvitreid.cli.running import PREEMPTED
from msvitreid.engine import use_resume
from msvitreid.errors import CheckpointError
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config
from tests.processes import run_ranks

FOUR = {'train_cfg.max_epochs': 4, 'train_cfg.val_interval': 2}


@HOOKS.register_module(force=True)
class TerminateAt(Hook):
    """SIGTERM to this process and its workers when ``place`` is reached."""

    def __init__(self, place, rank=0):
        self.place = tuple(place)
        self.rank = rank

    def reach(self, *place):
        own = distributed.get_rank() if distributed.is_initialized() else 0
        if place == self.place and own == self.rank:
            workers = [str(child.pid) for child in multiprocessing.active_children()]
            if workers:
                # By another process, as launchers do: torch tells a parent's signal apart.
                subprocess.run(['kill', '-TERM', *workers], check=True)
            os.kill(os.getpid(), signal.SIGTERM)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.reach('train', runner.epoch, batch_idx)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.reach('val', runner.epoch, batch_idx)

    def before_bn_iter(self, runner, batch_idx):
        self.reach('bn', runner.epoch, batch_idx)


def train(market, work_dir, place=None, rank=0, resume=False, **changes):
    cfg = tiny_config(market, work_dir, **FOUR, **changes)
    cfg.experiment_name += f'-{resume}'
    if place is not None:
        cfg.custom_hooks.append(dict(type='TerminateAt', place=place, rank=rank))
    if resume:
        use_resume(cfg, None)
    runner = build_runner(cfg)
    runner.train()
    return runner


def terminated(*args, **options):
    with pytest.raises(SystemExit) as end:
        train(*args, **options)
    assert end.value.code == PREEMPTED == 75


def averaged(work_dir):
    return torch.load(work_dir / 'averaged.pth', weights_only=True)['state_dict']


def files(work_dir):
    return sorted(path.name for path in work_dir.glob('*.pth'))


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope='module')
def undisturbed(market, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('whole')
    train(market, work_dir)
    return averaged(work_dir)


@pytest.mark.parametrize(
    ('place', 'left'),
    [
        (('train', 0, 0), ['epoch_0_batch_1.pth']),
        (('train', 2, 1), ['epoch_1.pth', 'epoch_2.pth', 'epoch_2_batch_2.pth']),
        # The last batch: the epoch is finished first.
        (('train', 1, 3), ['epoch_1.pth', 'epoch_2.pth']),
        (('val', 2, 1), ['epoch_1.pth', 'epoch_2.pth']),
        (('bn', 4, 1), ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth']),
    ],
    ids=str,
)
def test_saves_and_goes_on(place, left, market, undisturbed, tmp_path):
    terminated(market, tmp_path, place)
    assert files(tmp_path) == left
    runner = train(market, tmp_path, resume=True)
    assert_same(averaged(tmp_path), undisturbed)
    assert files(tmp_path) == ['averaged.pth', *(f'epoch_{e}.pth' for e in (1, 2, 3, 4))]
    assert runner.iter == 16


def test_workers_survive_until_the_run_has_saved(market, undisturbed, tmp_path):
    worker = {'train_dataloader.num_workers': 1, 'train_dataloader.persistent_workers': True}
    terminated(market, tmp_path, ('train', 2, 1), **worker)
    assert files(tmp_path)[-1] == 'epoch_2_batch_2.pth'
    for child in multiprocessing.active_children():
        child.terminate()
        child.join(timeout=10)
        assert child.exitcode is not None
    train(market, tmp_path, resume=True)
    assert_same(averaged(tmp_path), undisturbed)


def test_an_unfinished_window_of_accumulation_is_finished_first(market, tmp_path):
    accumulate = {'optim_wrapper.accumulative_counts': 3}
    terminated(market, tmp_path / 'cut', ('train', 2, 0), **accumulate)
    assert 'epoch_2_batch_3.pth' in files(tmp_path / 'cut')
    train(market, tmp_path / 'cut', resume=True, **accumulate)
    train(market, tmp_path / 'whole', **accumulate)
    assert_same(averaged(tmp_path / 'cut'), averaged(tmp_path / 'whole'))


def test_a_file_of_an_earlier_run_is_replaced(market, undisturbed, tmp_path):
    (tmp_path / 'epoch_0_batch_1.pth').write_bytes(b'of an earlier run')
    terminated(market, tmp_path, ('train', 0, 0))
    train(market, tmp_path, resume=True)
    assert_same(averaged(tmp_path), undisturbed)


def test_an_epoch_that_was_not_due_is_saved(market, tmp_path):
    terminated(market, tmp_path, ('val', 2, 1), **{'default_hooks.checkpoint.interval': 4})
    assert files(tmp_path) == ['epoch_2.pth']


def test_all_ranks_stop_after_the_same_step(market, tmp_path):
    def one_rank_is_signaled():
        with pytest.raises(SystemExit) as end:
            train(
                market,
                tmp_path,
                ('train', 1, 0),
                rank=1,
                launcher='pytorch',
                **{'train_dataloader.batch_size': 4, 'log_level': 'ERROR'},
            )
        return end.value.code

    assert run_ranks(one_rank_is_signaled, 2) == [75, 75]
    assert files(tmp_path) == ['epoch_1.pth', 'epoch_1_batch_1.pth']


def test_another_number_of_batches_is_refused(market, tmp_path):
    terminated(market, tmp_path, ('train', 1, 0))
    changes = {'train_dataloader.batch_size': 4, 'accept_changes': True}
    with pytest.raises(CheckpointError, match=r'4 batches.* 9 now'):
        train(market, tmp_path, resume=True, **changes)


def test_the_signal_is_handled_as_before_afterwards(market, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    terminated(market, tmp_path, ('train', 0, 0))
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def start_method():
    """A setter of the start method, which mmengine sets for the whole process."""
    before = multiprocessing.get_start_method()
    yield lambda method: {
        'env_cfg': dict(mp_cfg=dict(mp_start_method=method)),
        'train_dataloader.num_workers': 1,
        'train_dataloader.persistent_workers': True,
    }
    for child in multiprocessing.active_children():
        child.terminate()
        child.join(timeout=10)
    multiprocessing.set_start_method(before, force=True)


def test_spawned_workers_end_with_the_same_weights(market, undisturbed, tmp_path, start_method):
    """Training died when the loader pickled a signal handler for its workers."""
    terminated(market, tmp_path, ('train', 2, 1), **start_method('spawn'))
    assert files(tmp_path)[-1] == 'epoch_2_batch_2.pth'
    train(market, tmp_path, resume=True, **start_method('forkserver'))
    assert_same(averaged(tmp_path), undisturbed)


BY_STEP = {
    'default_hooks.checkpoint.by_epoch': False,
    'default_hooks.checkpoint.interval': 100,
}


@pytest.mark.parametrize(
    ('place', 'left'),
    [(('train', 0, 1), ['iter_2.pth']), (('val', 0, 0), ['iter_3.pth'])],
    ids=str,
)
def test_a_run_that_counts_iterations(market, tmp_path, place, left):
    """SIGTERM lost a run without epochs, or saved it as epoch 0."""

    def run(resume=False, place=None):
        cfg = tiny_config(market, tmp_path, **BY_STEP)
        cfg.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=3)
        cfg.custom_hooks = []
        if place is not None:
            cfg.custom_hooks = [dict(type='TerminateAt', place=place)]
        if resume:
            cfg.experiment_name += '-again'
            use_resume(cfg, None)
        runner = build_runner(cfg)
        runner.train()
        return runner

    with pytest.raises(SystemExit):
        run(place=place)
    assert files(tmp_path) == left
    assert run(resume=True).iter == 3
    assert files(tmp_path)[-1] == 'iter_3.pth'
