import re
import time
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from msvitreid.engine.resume.experiment_changes import (
    accepts,
    experiment_changes,
    experiment_record,
)
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import tiny_config


def run(tmp_path, processes=1, **changes):
    cfg = tiny_config(tmp_path, tmp_path)
    cfg.param_scheduler = [dict(type='CosineAnnealingLR', T_max=70, begin=0, end=60)]
    cfg.merge_from_dict(changes)
    loader = SimpleNamespace(dataset=[])
    return SimpleNamespace(cfg=cfg, world_size=processes, train_dataloader=loader)


def changed(tmp_path, before=None, processes=1, **changes):
    meta = experiment_record(run(tmp_path, **(before or {})))
    found = experiment_changes(run(tmp_path, processes, **changes), meta, 'epoch_1.pth')
    return [str(change) for change in found]


@pytest.mark.parametrize(
    ('key', 'value', 'sentence'),
    [
        ('optim_wrapper.optimizer.lr', 0.01, 'was 0.05 and is 0.01'),
        ('optim_wrapper.optimizer.weight_decay', 0.0, 'was 0.0005 and is 0.0'),
        ('optim_wrapper.optimizer.nesterov', True, 'was False and is True'),
        ('optim_wrapper.clip_grad', dict(max_norm=5), 'max_norm was not set and is 5'),
        ('optim_wrapper.accumulative_counts', 2, 'was 1 and is 2'),
        ('param_scheduler.0.T_max', 80, 'was 70 and is 80'),
        ('train_cfg.max_epochs', 4, 'was 3 and is 4'),
        ('train_dataloader.batch_size', 4, 'was 8 and is 4'),
        ('train_dataloader.sampler.num_instances', 4, 'was 2 and is 4'),
        ('train_dataloader.dataset.pipeline.3.prob', 0.1, 'was 0.5 and is 0.1'),
        ('model.backbone.drop_path_rate', 0.3, 'and is 0.3'),
        ('model.backbone.sparse_ratio', 0.7, 'and is 0.7'),
        ('model.backbone.split_size', (4, 4), r'and is \[4, 4\]'),
        ('model.head.triplet_weight', 2.0, 'and is 2.0'),
        ('model.data_preprocessor.batch_augments.0.max_area', 0.1, 'was 0.4 and is 0.1'),
        ('sync_bn', 'torch', "was None and is 'torch'"),
    ],
)
def test_options_that_change_the_experiment(tmp_path, key, value, sentence):
    """A resumed run went on with other options without a word."""
    (found,) = changed(tmp_path, **{key: value})
    assert found.startswith(key)
    assert re.search(sentence, found)


def test_averaging_and_processes(tmp_path):
    hooks = [dict(type='WeightAverageHook', begin=3)]
    assert changed(tmp_path, processes=2, custom_hooks=hooks) == [
        'WeightAverageHook.begin was 2 and is 3',
        'processes was 1 and is 2',
    ]


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('work_dir', '/elsewhere'),
        ('data_root', '/elsewhere'),
        ('train_dataloader.num_workers', 4),
        ('train_dataloader.pin_memory', True),
        ('train_dataloader.dataset.data_root', '/elsewhere'),
        ('train_dataloader.dataset.on_count_mismatch', 'ignore'),
        ('train_dataloader.sampler.batch_size', 8),
        ('train_cfg.val_interval', 1),
        ('default_hooks.logger.interval', 9),
        ('default_hooks.checkpoint.interval', 9),
        ('val_evaluator.ap', 'plain'),
        ('model.backbone.with_cp', True),
        ('model.backbone.attention_kernel', 'triton'),
        ('model.backbone.grouped_conv_kernel', 'triton'),
        ('model.pretrained', 'weights.pth'),
        ('env_cfg', dict(mp_cfg=dict(mp_start_method='spawn'))),
        ('log_level', 'DEBUG'),
    ],
)
def test_options_that_do_not(tmp_path, key, value):
    assert changed(tmp_path, **{key: value}) == []


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('optim_wrapper.optimizer.dampening', 0),
        ('optim_wrapper.optimizer.type', 'torch.optim.SGD'),
        ('model.backbone.type', 'msvitreid.MSViT'),
        ('train_dataloader.dataset.pipeline.3.prob', 0.5),
    ],
)
def test_stating_a_default_is_no_change(tmp_path, key, value):
    assert changed(tmp_path, **{key: value}) == []
    assert changed(tmp_path, before={key: value}) == []


def test_a_hook_without_state_is_no_change(tmp_path):
    hooks = [dict(type='WeightAverageHook', begin=2), dict(type='EmptyCacheHook')]
    assert changed(tmp_path, custom_hooks=hooks) == []


def test_both_ways_to_name_the_loop_are_one(tmp_path):
    loop = dict(_delete_=True, type='ResumableTrainLoop', max_epochs=3)
    assert changed(tmp_path, train_cfg=loop) == []


def test_an_option_of_a_later_version_is_no_change(tmp_path):
    meta = experiment_record(run(tmp_path))
    del meta['experiment']['optim_wrapper.optimizer.nesterov']
    assert experiment_changes(run(tmp_path), meta, 'epoch_1.pth') == []


def test_what_is_accepted():
    name = 'optim_wrapper.optimizer.lr'
    for accepted in (True, name, [name], ['optim_wrapper']):
        assert accepts(dict(accept_changes=accepted), name)
    for accepted in (None, False, [], ['optim_wrapper.optimizer.l'], 'lr'):
        assert not accepts(dict(accept_changes=accepted), name)
    with pytest.raises(ConfigError, match='accept_changes'):
        accepts(Config(dict(accept_changes=3)), name)


def test_many_changes_are_compared_in_no_time(tmp_path):
    """30,000 names took two minutes, as each was compared with every other."""
    meta = experiment_record(run(tmp_path))
    meta['experiment'].update({f'model.k{number}.a': '1' for number in range(9_000)})
    start = time.process_time()
    found = experiment_changes(run(tmp_path), meta, 'epoch_1.pth')
    assert time.process_time() - start < 4
    assert len(found) >= 9_000
