import numpy as np
import pytest
import torch

from msvitreid.engine import load_config, use_test_only
from msvitreid.engine.config.default_hooks import DEFAULT_HOOKS
from msvitreid.errors import CheckpointError
from tests.engine.tiny_run import build_runner, tiny_config
from tests.tools.user import leaf


@pytest.fixture(scope='module')
def trained(market, tmp_path_factory):
    """Work directory of a finished run of two epochs."""
    work_dir = tmp_path_factory.mktemp('runs') / 'trained'
    build_runner(tiny_config(market, work_dir, **{'train_cfg.max_epochs': 2})).train()
    return work_dir


def test_classes_are_counted_once_and_the_dataset_is_kept(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'count'))
    assert runner.model.head.num_classes == 6
    assert runner.model.head.classifiers[0].weight.shape == (6, 16)
    assert runner._train_dataloader['dataset'].metainfo['num_classes'] == 6
    assert 'num_classes' not in runner.cfg.model.head


def test_a_given_class_count_stays(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'given', **{'model.head.num_classes': 11})
    assert build_runner(cfg).model.head.num_classes == 11


def test_testing_needs_no_training_data_and_drops_the_classifiers(market, tmp_path, trained):
    cfg = tiny_config(market, tmp_path / 'test')
    use_test_only(cfg, trained / 'averaged.pth')
    runner = build_runner(cfg)
    metrics = runner.test()
    assert len(runner.model.head.classifiers) == 0
    assert set(metrics) == {'mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'}
    assert all(0 <= value <= 1 for value in metrics.values())


def test_checkpoints_are_plain(trained):
    for name in ('epoch_1.pth', 'epoch_2.pth', 'averaged.pth'):
        assert 'state_dict' in torch.load(trained / name, weights_only=True)
    assert not list(trained.glob('.*'))


def test_resuming_gives_the_log_history_back(market, trained):
    cfg = tiny_config(market, trained, **{'train_cfg.max_epochs': 2, 'resume': True})
    cfg.experiment_name = 'history'
    runner = build_runner(cfg)
    runner.train()
    assert runner.epoch == 2
    history, counts = runner.message_hub.get_scalar('train/loss').data
    saved = torch.load(trained / 'epoch_2.pth', weights_only=True)['message_hub']
    assert len(history) == len(counts) == runner.iter == 8
    np.testing.assert_array_equal(history, saved['log_scalars']['train/loss'][0])


def test_a_checkpoint_of_another_net_is_an_error(market, tmp_path, trained):
    cfg = tiny_config(market, tmp_path / 'misfit', **{'model.neck.num_parts': 3})
    use_test_only(cfg, trained / 'averaged.pth')
    with pytest.raises(CheckpointError, match=r'5 keys .*head\.linears\.5\.weight'):
        build_runner(cfg).test()


def test_lenient_loading_is_not_offered(market, tmp_path, trained):
    runner = build_runner(tiny_config(market, tmp_path / 'lenient'))
    with pytest.raises(CheckpointError, match='strictly and without renaming'):
        runner.load_checkpoint(str(trained / 'averaged.pth'), strict=False)


def test_mmengine_still_cannot_resume_by_itself(tmp_path):
    """When this fails, PlainCheckpointHook has become unnecessary."""
    from mmengine.logging import HistoryBuffer

    torch.save({'log': HistoryBuffer([1.0], [1])}, tmp_path / 'a.pth')
    with pytest.raises(Exception, match=r'weights_only|Weights only'):
        torch.load(tmp_path / 'a.pth', weights_only=True)


def test_resuming_past_the_last_epoch_is_refused(market, trained):
    changes = {'train_cfg.max_epochs': 1, 'resume': True, 'accept_changes': True}
    cfg = tiny_config(market, trained, **changes)
    cfg.custom_hooks = []
    cfg.experiment_name = 'past'
    with pytest.raises(CheckpointError, match=r'meta\.epoch 2, .*max_epochs=1'):
        build_runner(cfg).train()


def test_default_runtime_states_the_hooks_that_a_run_has():
    stated = load_config(leaf('msvit-s_market1501')).default_hooks
    assert {name: stated[name].type for name in DEFAULT_HOOKS} == DEFAULT_HOOKS


@pytest.mark.parametrize('name', ['preemption', 'model_file'])
def test_a_default_hook_can_be_switched_off(name, market, tmp_path):
    cfg = tiny_config(market, tmp_path, **{f'default_hooks.{name}': None})
    cfg.default_hooks.update(logger=None, unreadable_images=None)
    runner = build_runner(cfg)
    kinds = {type(hook).__name__ for hook in runner.hooks}
    assert {*DEFAULT_HOOKS.values()} - kinds == {DEFAULT_HOOKS[name]}
    assert 'LoggerHook' not in kinds
