import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, DefaultSampler

from msvitreid.datasets import Market1501
from msvitreid.datasets.samplers import IdentitySampler
from msvitreid.engine import complete_config, load_config
from msvitreid.errors import ConfigError
from tests.engine.tiny_run import build_runner, tiny_config
from tests.tools.user import options, run


def test_shared_options_reach_every_dataset_that_has_none():
    stated = Config(
        dict(
            data_root='/data',
            on_count_mismatch='warn',
            train_dataloader=dict(
                batch_size=24,
                num_workers=2,
                sampler=dict(type='IdentitySampler', num_instances=4),
                dataset=dict(
                    type='ConcatDataset',
                    datasets=[
                        dict(type='Market1501'),
                        dict(type='RepeatDataset', times=2, dataset=dict(type='MSMT17')),
                        dict(type='mmpretrain.ImageNet'),
                    ],
                ),
            ),
            val_dataloader=None,
            test_dataloader=dict(
                batch_size=8,
                sampler=dict(type='DefaultSampler'),
                dataset=dict(type='Market1501', data_root='/other'),
            ),
        )
    )
    before = stated.to_dict()
    cfg = complete_config(stated)
    assert stated.to_dict() == before
    market, repeated, foreign = cfg.train_dataloader.dataset.datasets
    assert market == dict(type='Market1501', data_root='/data', on_count_mismatch='warn')
    assert repeated.dataset.data_root == '/data'
    assert 'data_root' not in repeated
    # mmpretrain's datasets take the root only.
    assert foreign == dict(type='mmpretrain.ImageNet', data_root='/data')
    assert cfg.train_dataloader.sampler.batch_size == 24
    assert cfg.train_dataloader.persistent_workers is True
    assert cfg.test_dataloader.dataset.data_root == '/other'
    assert 'batch_size' not in cfg.test_dataloader.sampler
    assert cfg.test_dataloader.persistent_workers is False


def test_given_values_stay():
    loader = dict(batch_size=24, pin_memory=True, dataset=dict(type='Market1501'))
    cfg = complete_config(Config(dict(train_dataloader=loader)))
    assert cfg.train_dataloader.pin_memory is True


def test_two_batch_sizes_are_refused():
    sampler = dict(type='msvitreid.IdentitySampler', batch_size=12)
    loader = dict(batch_size=24, sampler=sampler, dataset=dict(type='Market1501'))
    with pytest.raises(ConfigError, match=r'sampler\.batch_size is 12 .* 24'):
        complete_config(Config(dict(train_dataloader=loader)))


def test_our_scope_may_be_written_out():
    loader = dict(batch_size=24, dataset=dict(type='msvitreid.Market1501'))
    cfg = complete_config(Config(dict(data_root='/data', train_dataloader=loader)))
    assert cfg.train_dataloader.dataset.data_root == '/data'


class MySampler(IdentitySampler):
    def __init__(self, *args, mine=0, **kwargs):
        super().__init__(*args, **kwargs)


class MyDataset(BaseDataset):
    def __init__(self, mine=0, **kwargs):
        super().__init__(**kwargs)


def completed_loader(dataset, sampler, **options):
    loader = dict(batch_size=4, dataset=dict(type=dataset), sampler=dict(type=sampler))
    loader.update(options)
    cfg = Config(dict(data_root='/data', on_count_mismatch='warn', train_dataloader=loader))
    return complete_config(cfg).train_dataloader


@pytest.mark.parametrize(
    ('dataset', 'options'),
    [
        (Market1501, {'data_root', 'on_count_mismatch'}),
        ('msvitreid.datasets.Market1501', {'data_root', 'on_count_mismatch'}),
        ('msvitreid.Market1501', {'data_root', 'on_count_mismatch'}),
        (MyDataset, {'data_root'}),
        (f'{__name__}.MyDataset', {'data_root'}),
        ('mmpretrain.datasets.ImageNet', {'data_root'}),
        (list, set()),
    ],
)
def test_a_dataset_gets_the_options_that_it_takes(dataset, options):
    """Types that are classes or import paths: what a dataset takes, not how it is called."""
    assert completed_loader(dataset, 'DefaultSampler').dataset.keys() - {'type'} == options


@pytest.mark.parametrize(
    ('sampler', 'batch_size'),
    [
        (IdentitySampler, 4),
        ('msvitreid.datasets.samplers.IdentitySampler', 4),
        (MySampler, 4),
        (f'{__name__}.MySampler', 4),
        (DefaultSampler, None),
        ('mmpretrain.RepeatAugSampler', None),
    ],
)
def test_a_sampler_of_batches_gets_their_size(sampler, batch_size):
    assert completed_loader(Market1501, sampler).sampler.get('batch_size') == batch_size


def test_without_workers_none_are_kept():
    loader = completed_loader(
        Market1501, DefaultSampler, persistent_workers=True, num_workers=0
    )
    assert loader.persistent_workers is False


def test_a_run_leaves_the_config_as_it_was_stated(market, tmp_path):
    """Completions written down as if a user had stated them, which options then miss."""
    cfg = tiny_config(market, tmp_path / 'work')
    runner = build_runner(cfg)
    runner.record_start()
    (written,) = (tmp_path / 'work').glob('*.py')
    assert Config.fromfile(written).to_dict() == runner.cfg.to_dict() == cfg.to_dict()
    assert runner._train_dataloader['sampler']['batch_size'] == 8


def test_a_runner_of_mmengine_keeps_what_is_stated(market, tmp_path):
    """Values taken out of a config because they equal others: its runner completes nothing."""
    cfg = tiny_config(market, tmp_path / 'work', runner_type='Runner', custom_hooks=[])
    cfg.train_cfg.max_epochs = 1
    cfg.model.head.num_classes = 6
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[name].dataset.update(data_root=str(market), on_count_mismatch='ignore')
    cfg.train_dataloader.sampler.batch_size = 8
    cfg.dump(tmp_path / 'mine.py')
    trained = run('train.py', tmp_path / 'mine.py')
    assert trained.code == 0, trained.err
    left = tmp_path / 'work' / 'mine.py'
    assert load_config(left).test_dataloader.dataset.data_root == str(market)
    given = options({'data_root': tmp_path / 'gone'})
    # Its checkpoints hold objects of mmengine's, which we do not load.
    weights = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=False)['state_dict']
    checkpoint = tmp_path / 'weights.pth'
    torch.save({'state_dict': weights}, checkpoint)
    assert run('test.py', left, checkpoint).code == 0
    assert f'{tmp_path / "gone"}' in run('test.py', left, checkpoint, *given).err
