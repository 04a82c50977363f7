"""Class of faults: old checkpoints are removed before the new one is complete."""

import errno
import multiprocessing
import os
import signal

import mmengine.hooks
import pytest
import torch
from mmengine.hooks import Hook

from msvitreid.engine import CheckpointHook, own_work_dir, use_resume
from msvitreid.engine.resume.newest_checkpoint import newest_complete
from msvitreid.errors import ConfigError, OutputError
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config


@HOOKS.register_module(force=True)
class RisingFigure(Hook):
    """Makes every validation the best one so far."""

    priority = 'NORMAL'

    def after_val_epoch(self, runner, metrics=None):
        metrics['mAP'] = metrics['rank-1'] = float(runner.epoch)


def config(market, work_dir, options, **changes):
    cfg = tiny_config(market, work_dir, **changes)
    cfg.default_hooks.checkpoint.update(options)
    cfg.custom_hooks = [dict(type='RisingFigure')]
    return cfg


def complete(folder, pattern='epoch_*.pth'):
    found = [path.name for path in sorted(folder.glob(pattern))]
    for name in found:
        assert 'state_dict' in torch.load(folder / name, weights_only=True)
    return found


@pytest.fixture
def fill_disk(monkeypatch):
    """From the save of a file on whose name begins so, the disk is full."""

    def fill(beginning):
        replace = os.replace

        def full(source, target):
            if os.path.basename(target).startswith(beginning):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            replace(source, target)

        monkeypatch.setattr(os, 'replace', full)

    return fill


def test_the_scope_has_its_own():
    """Configs go on naming a ``CheckpointHook``; mmengine's stays as it is."""
    assert HOOKS.get('CheckpointHook') is CheckpointHook
    assert HOOKS.get('mmengine.CheckpointHook') is mmengine.hooks.CheckpointHook
    assert mmengine.registry.HOOKS.get('CheckpointHook') is mmengine.hooks.CheckpointHook


@pytest.mark.parametrize(
    ('keep', 'left'), [(1, ['epoch_2.pth']), (2, ['epoch_1.pth', 'epoch_2.pth'])]
)
def test_a_failed_save_costs_no_checkpoint(keep, left, market, tmp_path, fill_disk):
    """mmengine leaves 0 and 1 complete files where 1 and 2 are to be kept."""
    fill_disk('epoch_3.pth')
    runner = build_runner(config(market, tmp_path, {'max_keep_ckpts': keep}))
    with pytest.raises(OutputError, match=r"epoch_3\.pth' .*No space left"):
        runner.train()
    assert complete(tmp_path) == left
    assert len(left) == keep
    assert newest_complete(tmp_path).name == 'epoch_2.pth'
    assert not list(tmp_path.glob('.*'))


@pytest.mark.parametrize('keep', [1, 2])
def test_as_many_are_kept_at_every_moment(keep, market, tmp_path, monkeypatch):
    counts = []
    replace = os.replace

    def count(source, target):
        replace(source, target)
        counts.append(len(list(tmp_path.glob('epoch_*.pth'))))

    monkeypatch.setattr(os, 'replace', count)
    build_runner(config(market, tmp_path, {'max_keep_ckpts': keep})).train()
    assert max(counts) == keep + 1
    assert min(counts[counts.index(keep) :]) == keep
    assert complete(tmp_path) == [f'epoch_{e}.pth' for e in (1, 2, 3)][-keep:]


def test_what_a_kill_left_too_much_goes_on_resuming(market, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointHook, '_prune', lambda self: None)
        cfg = config(market, tmp_path, {'max_keep_ckpts': 1}, **{'train_cfg.max_epochs': 2})
        build_runner(cfg).train()
    assert complete(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']
    cfg = config(market, tmp_path, {'max_keep_ckpts': 1}, resume=True, accept_changes=True)
    cfg.experiment_name = 'resumed-prune'
    cfg.load_from = str(tmp_path / 'epoch_2.pth')
    build_runner(cfg).train()
    assert complete(tmp_path) == ['epoch_3.pth']


def test_a_file_that_was_removed_by_hand_counts_for_nothing(market, tmp_path):
    cfg = config(market, tmp_path, {'max_keep_ckpts': 2}, **{'train_cfg.max_epochs': 2})
    build_runner(cfg).train()
    (tmp_path / 'epoch_2.pth').rename(tmp_path / 'kept')
    cfg = config(market, tmp_path, {'max_keep_ckpts': 2}, resume=True, accept_changes=True)
    cfg.experiment_name = 'resumed-by-hand'
    cfg.load_from = str(tmp_path / 'kept')
    build_runner(cfg).train()
    assert complete(tmp_path) == ['epoch_1.pth', 'epoch_3.pth']


EVERY_EPOCH = {'train_cfg.val_interval': 1}


@pytest.mark.parametrize('metrics', ['mAP', ['mAP', 'rank-1'], 'auto'])
def test_the_best_is_kept_until_a_better_one_is_complete(metrics, market, tmp_path, fill_disk):
    """mmengine leaves 0 best files."""
    best = {'save_best': metrics, 'rule': 'greater'}
    build_runner(config(market, tmp_path / 'whole', best, **EVERY_EPOCH)).train()
    names = ['mAP', 'rank-1'] if isinstance(metrics, list) else ['mAP']
    assert complete(tmp_path / 'whole', 'best_*') == [f'best_{n}_epoch_3.pth' for n in names]

    fill_disk('best_mAP_epoch_3')
    with pytest.raises(OutputError, match=r'best_mAP_epoch_3\.pth'):
        build_runner(config(market, tmp_path / 'cut', best, **EVERY_EPOCH)).train()
    assert complete(tmp_path / 'cut', 'best_*') == [f'best_{n}_epoch_2.pth' for n in names]


def test_the_best_of_a_resumed_run_goes_when_a_better_one_is_there(market, tmp_path):
    best = {'save_best': 'mAP', 'rule': 'greater'}
    cfg = config(market, tmp_path, best, **EVERY_EPOCH, **{'train_cfg.max_epochs': 2})
    build_runner(cfg).train()
    assert complete(tmp_path, 'best_*') == ['best_mAP_epoch_2.pth']
    cfg = config(market, tmp_path, best, **EVERY_EPOCH, resume=True, accept_changes=True)
    cfg.experiment_name = 'resumed-best'
    cfg.load_from = str(tmp_path / 'epoch_2.pth')
    build_runner(cfg).train()
    assert complete(tmp_path, 'best_*') == ['best_mAP_epoch_3.pth']


@pytest.mark.parametrize(
    ('beginning', 'when', 'between'),
    [
        ('epoch_1', 'before', ['best_mAP_epoch_1.pth', 'epoch_1.pth', 'epoch_2.pth']),
        ('epoch_1', 'after', ['best_mAP_epoch_1.pth', 'epoch_2.pth']),
        ('best_', 'before', ['best_mAP_epoch_1.pth', 'best_mAP_epoch_2.pth', 'epoch_2.pth']),
        ('best_', 'after', ['best_mAP_epoch_2.pth', 'epoch_2.pth']),
    ],
)
def test_a_kill_while_old_files_go(market, tmp_path, beginning, when, between):
    """Class of faults: a process that dies between two changes of the folder."""

    def train(kill):
        remove = os.remove

        def removed(path, *args, **kwargs):
            if kill and os.path.basename(path).startswith(beginning):
                if when == 'after':
                    remove(path)
                os.kill(os.getpid(), signal.SIGKILL)
            remove(path, *args, **kwargs)

        os.remove = removed
        options = {'max_keep_ckpts': 1, 'save_best': 'mAP', 'rule': 'greater'}
        cfg = config(market, tmp_path, options, **EVERY_EPOCH)
        with own_work_dir(tmp_path):
            use_resume(cfg, None)
            build_runner(cfg).train()

    files = {}
    for kill in (True, False):
        process = multiprocessing.get_context('fork').Process(target=train, args=(kill,))
        process.start()
        process.join(120)
        files[kill] = sorted(path.name for path in tmp_path.glob('*.pth'))
        assert process.exitcode == (-signal.SIGKILL if kill else 0)
    assert files[True] == between
    assert files[False] == ['best_mAP_epoch_3.pth', 'epoch_3.pth']


def test_best_files_that_a_better_one_surpassed(market, tmp_path):
    best = {'save_best': 'mAP', 'rule': 'greater'}
    cfg = config(market, tmp_path, best, **EVERY_EPOCH, **{'train_cfg.max_epochs': 2})
    build_runner(cfg).train()
    others = ['best_mAP_epoch_1.pth', 'best_rank-1_epoch_1.pth', 'best_mAP_notes.pth']
    for name in others:
        (tmp_path / name).touch()
    cfg.merge_from_dict(dict(resume=True, load_from=str(tmp_path / 'epoch_2.pth')))
    cfg.experiment_name += '-again'
    build_runner(cfg).train()
    left = sorted(path.name for path in tmp_path.glob('best_*'))
    assert left == ['best_mAP_epoch_2.pth', 'best_mAP_notes.pth', 'best_rank-1_epoch_1.pth']


def test_last_checkpoint_is_written_whole(market, tmp_path, fill_disk):
    fill_disk('last_checkpoint')
    with pytest.raises(OutputError, match='last_checkpoint'):
        build_runner(config(market, tmp_path, {'max_keep_ckpts': 1})).train()
    assert complete(tmp_path) == ['epoch_1.pth']
    assert not (tmp_path / 'last_checkpoint').exists()


def test_published_files(market, tmp_path):
    options = {'published_keys': ['meta', 'state_dict'], 'max_keep_ckpts': 1}
    build_runner(config(market, tmp_path / 'work', options)).train()
    whole, published = sorted((tmp_path / 'work').glob('epoch_*'), key=lambda p: len(p.name))
    assert whole.name == 'epoch_3.pth'
    assert published.name.startswith('epoch_3-')
    assert set(torch.load(published, weights_only=True)) == {'meta', 'state_dict'}
    assert (tmp_path / 'work' / 'last_checkpoint').read_text() == str(whole)


def test_checkpoints_lie_in_the_work_directory(tmp_path):
    """Class of faults: a folder that is written to, but not looked in on resuming."""
    with pytest.raises(ConfigError, match=r'checkpoint\.filename_tmpl.*epoch_'):
        # Class of faults: an option of mmengine's that is taken, and then --resume starts over.
        HOOKS.build(dict(type='CheckpointHook', filename_tmpl='my_{}.pth'))
    with pytest.raises(ConfigError, match=r'default_hooks\.checkpoint\.out_dir.*--work-dir'):
        HOOKS.build(dict(type='CheckpointHook', out_dir=str(tmp_path)))


@pytest.mark.parametrize('name', ['net-{}.pth', 'net.pth', '../epoch_{}.pth'])
def test_checkpoints_have_the_names_that_resuming_looks_for(name):
    """Class of faults: files under names that nothing finds.

    A run with other names that was cut off was started over by --resume, over its own files; of
    names without a number max_keep_ckpts removed the only file.
    """
    with pytest.raises(ConfigError, match=r'filename_tmpl .*epoch_N\.pth'):
        HOOKS.build(dict(type='CheckpointHook', filename_tmpl=name))
    HOOKS.build(dict(type='CheckpointHook', filename_tmpl='epoch_{}.pth'))


@pytest.mark.parametrize(
    ('by_epoch', 'loop'),
    [
        (True, dict(by_epoch=False, max_iters=3, val_interval=3)),
        (False, dict(by_epoch=True, max_epochs=2, val_interval=2)),
    ],
    ids=['iterations', 'epochs'],
)
def test_checkpoints_are_counted_as_the_loop_counts(by_epoch, loop, market, tmp_path):
    """Class of faults: checkpoints from which a run does not go on.

    A run of iterations had none before its end, and one of epochs iter_N.pth within epochs:
    "meta.iter was 12 and is 8", and accepted, a part of an epoch was trained twice.
    """
    cfg = config(market, tmp_path, {'by_epoch': by_epoch})
    cfg.train_cfg = loop
    with pytest.raises(ConfigError, match=r'checkpoint\.by_epoch is'):
        build_runner(cfg).train()
    assert not list(tmp_path.glob('*.pth'))
