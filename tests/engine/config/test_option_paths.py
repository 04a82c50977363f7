"""Keys of options that lead nowhere, which were mmengine's own messages, or no help."""

import pytest

from msvitreid.engine import load_config
from msvitreid.errors import ConfigError
from tests.tools.user import leaf

MARKET = leaf('msvit-s_market1501')


@pytest.mark.parametrize(
    ('key', 'words'),
    [
        ('custom_hooks.3.begin', 'custom_hooks is a list of length 1 and takes .* 0, got .3'),
        ('custom_hooks.first.begin', "custom_hooks .* got 'first'"),
        ('param_scheduler.2', 'param_scheduler is a list of length 2 .* 0 to 1'),
        ('train_pipeline.5.prob', 'train_pipeline is a list of length 5'),
        (
            'train_dataloader.dataset.pipeline.7.prob',
            r'dataset\.pipeline is a list of length 5',
        ),
        ('model.pretrained.file', r"model\.pretrained is 'pretrain/msvit_s\.pth'"),
        ('model.backbone.split_size.0', r'split_size is \(8, 8\).*split_size='),
        ('load_from.x', 'load_from is None'),
    ],
)
def test_a_key_that_leads_nowhere(key, words):
    with pytest.raises(ConfigError, match=rf"option '{key}': .*{words}"):
        load_config(MARKET, {key: 3})


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('lr', ["'optim_wrapper.optimizer.lr'"]),
        (
            'batch_size',
            [f"'{name}_dataloader.batch_size'" for name in ('train', 'val', 'test')],
        ),
        ('backbone.drop_path_rate', ["'model.backbone.drop_path_rate'"]),
        ('max_epochs', ["'train_cfg.max_epochs'"]),
        ('T_max', ["'param_scheduler.1.T_max'"]),
    ],
)
def test_a_short_key_is_answered_by_full_ones(key, meant):
    with pytest.raises(ConfigError) as caught:
        load_config(MARKET, {key: 3})
    assert str(caught.value).endswith(f'did you mean {" or ".join(meant)}?')


def test_many_full_keys_are_cut_short():
    with pytest.raises(ConfigError, match=r'or \d+ more\?'):
        load_config(MARKET, {'type': 'SGD'})
