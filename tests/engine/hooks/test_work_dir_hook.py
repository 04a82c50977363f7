import errno
import os
import shutil

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook

from msvitreid.engine import use_resume, use_test_only
from msvitreid.engine.resume.newest_checkpoint import newest_complete
from msvitreid.errors import CheckpointError, ConfigError, OutputError
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config

SIX = {'train_cfg.max_epochs': 6}


class CutError(Exception):
    """The end of a run in its middle."""


@HOOKS.register_module(force=True)
class CutAt(Hook):
    def __init__(self, iteration, error=CutError):
        self.iteration = iteration
        self.error = error

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration:
            raise self.error


@pytest.fixture(scope='module')
def six_epochs(market, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('six') / 'work'
    build_runner(tiny_config(market, work_dir, **SIX)).train()
    return work_dir


@pytest.fixture
def work_dir(six_epochs, tmp_path):
    return shutil.copytree(six_epochs, tmp_path / 'work')


def resumed(market, work_dir, name, checkpoint=None, **changes):
    cfg = tiny_config(market, work_dir, **{**SIX, **changes})
    cfg.experiment_name = f'{name}-{os.getpid()}'
    use_resume(cfg, checkpoint)
    return cfg


def checkpoints(work_dir):
    return sorted(path.name for path in work_dir.glob('*.pth'))


LATER = ['averaged.pth', 'epoch_3.pth', 'epoch_4.pth', 'epoch_5.pth', 'epoch_6.pth']


def test_a_rollback_holds(market, work_dir):
    """Class of faults: a resumed run continues from a file of the run that was abandoned.

    Back to epoch 2 of 6 and cut off in epoch 4, the next start must take epoch 3, not 6.
    """
    cfg = resumed(market, work_dir, 'rollback', work_dir / 'epoch_2.pth')
    cfg.custom_hooks.append(dict(type='CutAt', iteration=13))
    cfg.log_level = 'WARNING'
    runner = build_runner(cfg)
    with pytest.raises(CutError):
        runner.train()
    aside = [f'abandoned_{name}' for name in LATER]
    assert checkpoints(work_dir) == sorted(
        ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', *aside]
    )
    assert newest_complete(work_dir).name == 'epoch_3.pth'
    log = next(iter((work_dir / runner.timestamp).glob('*.log'))).read_text()
    assert 'abandoned_epoch_6.pth' in log


def test_a_broken_file_that_was_passed_over_is_set_aside(market, work_dir):
    """Otherwise it would count as the newest when files of overtaken epochs are removed."""
    (work_dir / 'epoch_6.pth').write_bytes(b'PK')
    build_runner(resumed(market, work_dir, 'broken')).train()
    found = checkpoints(work_dir)
    assert 'abandoned_epoch_6.pth' in found
    assert 'epoch_6.pth' in found


def test_the_newest_leaves_all_in_place(market, work_dir):
    before = checkpoints(work_dir)
    build_runner(resumed(market, work_dir, 'newest')).train()
    assert checkpoints(work_dir) == before


def test_a_resume_that_is_refused_changes_nothing(market, work_dir):
    before = sorted(work_dir.rglob('*'))
    cfg = resumed(market, work_dir, 'refused', work_dir / 'epoch_2.pth')
    cfg.custom_hooks[0].begin = 1
    with pytest.raises(CheckpointError, match='begin'):
        build_runner(cfg).train()
    assert sorted(work_dir.rglob('*')) == before


REFUSED = {
    'in the constructor': {'model.neck.num_partz': 3},
    'in the first look at the data': {'val_dataloader.dataset.split': 'nonsense'},
    'by a hook': {'custom_hooks.0.begin': 60},
    'in the first step': {'model.backbone.split_size': (3, 3)},
}


@pytest.mark.parametrize('changes', REFUSED.values(), ids=REFUSED)
def test_a_start_that_is_refused_leaves_no_log(changes, market, tmp_path):
    """Class of faults: a misspelt option leaves a folder of logs behind."""
    cfg = tiny_config(market, tmp_path / 'work', **changes)
    with pytest.raises((ConfigError, ValueError)):
        build_runner(cfg).train()
    assert list((tmp_path / 'work').rglob('*')) == []


def test_a_test_that_is_refused_leaves_no_log(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'work')
    use_test_only(cfg, tmp_path / 'missing.pth')
    with pytest.raises(CheckpointError, match='does not exist'):
        build_runner(cfg).test()
    assert list((tmp_path / 'work').iterdir()) == []


def test_a_refused_start_leaves_the_config_of_the_run(market, work_dir, tmp_path):
    """Class of faults: what is refused overwrites what the run before has left."""
    path = work_dir / 'mine.py'
    path.write_text('before')
    resumed(market, work_dir, 'config').dump(tmp_path / 'mine.py')
    cfg = Config.fromfile(tmp_path / 'mine.py')
    cfg.custom_hooks[0].begin = 60
    with pytest.raises(CheckpointError, match=r'WeightAverageHook\.begin'):
        build_runner(cfg).train()
    assert path.read_text() == 'before'
    cfg.custom_hooks[0].begin = 2
    build_runner(cfg).train()
    assert 'max_epochs=6' in path.read_text()


def test_a_run_that_fails_later_keeps_its_log(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'work')
    cfg.custom_hooks.append(dict(type='CutAt', iteration=1))
    with pytest.raises(CutError):
        build_runner(cfg).train()
    assert len(list((tmp_path / 'work').glob('*/*.log'))) == 1


@HOOKS.register_module(force=True)
class Remove(Hook):
    """Removes the work directory in the second epoch."""

    def before_train_epoch(self, runner):
        if runner.epoch == 1:
            shutil.rmtree(runner.work_dir)


@pytest.mark.parametrize('visualizer', [None, dict(vis_backends=[])], ids=['curves', 'none'])
def test_a_work_dir_that_is_removed_meanwhile(visualizer, market, tmp_path):
    """Class of faults: a folder that is gone ends in a traceback, or is made again half."""
    cfg = tiny_config(market, tmp_path / 'work')
    cfg.custom_hooks.append(dict(type='Remove'))
    if visualizer is not None:
        cfg.visualizer = dict(type='Visualizer', **visualizer)
    with pytest.raises(OutputError, match=r'work.*removed'):
        build_runner(cfg).train()
    assert not (tmp_path / 'work').exists()


def test_a_full_disk_at_the_averaged_net(market, tmp_path, monkeypatch):
    replace = os.replace

    def full(source, target):
        if os.path.basename(target) == 'averaged.pth':
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(OutputError, match=r'averaged\.pth.*No space left'):
        build_runner(tiny_config(market, tmp_path / 'work')).train()
    assert checkpoints(tmp_path / 'work') == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']
