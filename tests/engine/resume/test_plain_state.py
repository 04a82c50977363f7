"""The class: files that a checkpoint names, which are removed when the run goes on."""

import shutil

import pytest
import torch

from msvitreid.engine.resume.plain_state import taken_over
from tests.engine.tiny_run import build_runner, tiny_config


def best_run(market, work_dir, epochs, **changes):
    """A run that saves its best net, whose figure is better after every epoch."""
    cfg = tiny_config(
        market,
        work_dir,
        **{'train_cfg.max_epochs': epochs, 'train_cfg.val_interval': 1, **changes},
    )
    cfg.custom_hooks = []
    cfg.accept_changes = True
    cfg.default_hooks.checkpoint.update(save_best='mAP', rule='greater', max_keep_ckpts=1)
    runner = build_runner(cfg)
    for metric in runner.val_evaluator.metrics:
        metric.compute_metrics = lambda results: {'mAP': runner.epoch / 10}
    runner.train()
    return runner


@pytest.fixture(scope='module')
def other(market, tmp_path_factory):
    """A finished run of one epoch, and its best file."""
    work_dir = tmp_path_factory.mktemp('runs') / 'other'
    best_run(market, work_dir, 1)
    return work_dir


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_a_fork_leaves_the_other_runs_files(market, other, tmp_path):
    before = {path.name: path.read_bytes() for path in other.glob('*.pth')}
    assert sorted(before) == ['best_mAP_epoch_1.pth', 'epoch_1.pth']
    # A file of this folder that the other run's number would name.
    tmp_path.joinpath('epoch_1.pth').touch()
    best_run(market, tmp_path, 2, resume=True, load_from=str(other / 'epoch_1.pth'))
    assert {path.name: path.read_bytes() for path in other.glob('*.pth')} == before
    assert names(tmp_path) == ['best_mAP_epoch_2.pth', 'epoch_1.pth', 'epoch_2.pth']


def test_the_same_run_replaces_its_best_also_where_it_was_moved_to(market, other, tmp_path):
    shutil.copytree(other, tmp_path / 'moved')
    source = str(tmp_path / 'moved' / 'epoch_1.pth')
    best_run(market, tmp_path / 'moved', 2, resume=True, load_from=source)
    assert names(tmp_path / 'moved') == ['best_mAP_epoch_2.pth', 'epoch_2.pth']
    assert names(other) == ['best_mAP_epoch_1.pth', 'epoch_1.pth']


def test_a_folder_that_a_file_names_stays(market, other, tmp_path):
    precious = tmp_path / 'best_precious'
    precious.mkdir()
    (precious / 'data').touch()
    checkpoint = torch.load(other / 'epoch_1.pth', weights_only=True)
    checkpoint['message_hub']['runtime_info']['best_ckpt'] = str(precious)
    torch.save(checkpoint, tmp_path / 'epoch_1.pth')
    best_run(market, tmp_path, 2, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    assert (precious / 'data').exists()


def test_what_is_taken_over(tmp_path):
    (tmp_path / 'best_a_epoch_1.pth').touch()
    (tmp_path / 'best_d').mkdir()
    info = {
        'best_ckpt_a': '/elsewhere/best_a_epoch_1.pth',
        'best_score_a': 0.5,
        'best_ckpt_b': '/elsewhere/best_b_epoch_1.pth',
        'best_score_b': 0.5,
        'best_ckpt_c': None,
        'best_ckpt_d': '/elsewhere/best_d',
        'last_ckpt': '/elsewhere/epoch_1.pth',
        'cfg': 'text',
        'eta': 3.5,
    }
    assert taken_over(info, tmp_path) == {
        'best_ckpt_a': str(tmp_path / 'best_a_epoch_1.pth'),
        'best_score_a': 0.5,
        'eta': 3.5,
    }
