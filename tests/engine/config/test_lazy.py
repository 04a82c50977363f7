"""Configs in mmengine's pure-Python style: ``with read_base()`` and classes as types."""

import json

import pytest
from mmengine.config import Config
from torch import nn

from msvitreid.apis import get_config
from msvitreid.engine import complete_config, load_config, use_rerank, use_test_only
from msvitreid.engine.config.lazy import with_names
from msvitreid.errors import ConfigError
from msvitreid.registry.type_names import own_type, short_type
from tests.engine.tiny_run import build_runner, tiny_config
from tests.tools.user import options, run

STYLE = """
from mmengine.config import read_base
from torch import nn
from torch.optim import SGD

from msvitreid.datasets import Market1501
from msvitreid.datasets.samplers import IdentitySampler
from msvitreid.engine import ReIDRunner, WeightAverageHook
from msvitreid.evaluation import ReIDMetric
from msvitreid.models import MSViT, ReIDModel

with read_base():
    from .tiny import *

runner_type = ReIDRunner
model.update(dict(type=ReIDModel, backbone=dict(type=MSViT, act_cfg=dict(type=nn.GELU))))
train_dataloader.update(
    dict(sampler=dict(type=IdentitySampler), dataset=dict(type=Market1501))
)
test_dataloader.update(dict(dataset=dict(type=Market1501)))
test_evaluator = dict(type=ReIDMetric, topk=(1,))
optim_wrapper.update(dict(optimizer=dict(type=SGD)))
custom_hooks = [dict(type=WeightAverageHook, begin=1)]
"""


@pytest.fixture
def config(market, tmp_path):
    tiny_config(market, tmp_path / 'work').dump(tmp_path / 'tiny.py')
    (tmp_path / 'mine.py').write_text(STYLE)
    return tmp_path / 'mine.py'


def test_it_trains_resumes_and_is_tested(config, tmp_path):
    work, out = tmp_path / 'work', tmp_path / 'figures.json'
    given = options({'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 4})
    assert run('train.py', config, *given).code == 0
    given = options({'train_cfg.max_epochs': 2, 'train_dataloader.batch_size': 4})
    assert run('train.py', config, '--resume', '--accept-changes', *given).code == 0
    assert (work / 'epoch_2.pth').is_file()
    # What the run has written down is a config like any other.
    left = load_config(work / 'mine.py', {'model.backbone.drop_path_rate': 0.1})
    assert left.train_dataloader.batch_size == 4
    assert left.model.backbone.type == 'msvitreid.models.MSViT'
    for file in (config, work / 'mine.py'):
        tested = run('test.py', file, work / 'averaged.pth', '--rerank', '--out', out)
        assert tested.code == 0, tested.err
        assert 'mAP-rerank' in json.loads(out.read_text())['metrics']


def test_options_and_completion_reach_it(config):
    changes = {'data_root': '/new', 'train_dataloader.batch_size': 4, 'model.neck.num_parts': 1}
    cfg = load_config(config, changes)
    loader = complete_config(cfg).train_dataloader
    assert loader.dataset.data_root == '/new'
    assert loader.sampler.batch_size == 4
    assert cfg.model.neck.num_parts == 1
    # Names that were imported are no options.
    assert not {'ReIDModel', 'read_base', 'nn'} & cfg.keys()


def test_flags_reach_it(config):
    cfg = load_config(config)
    use_rerank(cfg)
    assert cfg.test_evaluator.rerank == {'k1': 20, 'k2': 6, 'lambda_value': 0.3}
    use_test_only(cfg, 'a.pth')
    assert cfg.custom_hooks == []


def test_a_leaf_with_a_hyphen_is_a_base_once_it_is_written_down(tmp_path):
    get_config('msvit-s_market1501').dump(tmp_path / 'market1501.py')
    (tmp_path / 'mine.py').write_text(
        'from mmengine.config import read_base\n'
        'from msvitreid.models import MSViT\n'
        'with read_base():\n    from .market1501 import *\n'
        'model.update(dict(backbone=dict(type=MSViT, sparse_ratio=0.5)))\n'
        'train_dataloader.update(dict(batch_size=32))\n'
    )
    cfg = load_config(tmp_path / 'mine.py', {'data_root': '/new'})
    assert (cfg.model.backbone.sparse_ratio, cfg.model.backbone.arch) == (0.5, 's')
    loader = complete_config(cfg).train_dataloader
    assert (loader.sampler.batch_size, loader.dataset.data_root) == (32, '/new')


def test_the_environment_reaches_a_part(tmp_path, monkeypatch):
    part = "data_root = '{{$MSVITREID_DATA_ROOT:data}}'\n"
    (tmp_path / 'part.py').write_text(part)
    (tmp_path / 'mine.py').write_text(
        'from mmengine.config import read_base\nwith read_base():\n    from .part import *\n'
    )
    monkeypatch.delenv('MSVITREID_DATA_ROOT', raising=False)
    assert load_config(tmp_path / 'mine.py').data_root == 'data'
    monkeypatch.setenv('MSVITREID_DATA_ROOT', '/of the/environment')
    assert load_config(tmp_path / 'mine.py').data_root == '/of the/environment'


@pytest.mark.parametrize(
    ('text', 'sentence'),
    [
        ('from msvitreid.models import MSVit\nmodel = dict(type=MSVit)\n', r'MSVit.*line 1'),
        ('from gone_reid import Net\nmodel = dict(type=Net)\n', 'gone_reid'),
        ('import torch\nx = torch.zeros(3)\n', 'RuntimeError'),
    ],
)
def test_what_cannot_be_imported(text, sentence, tmp_path):
    (tmp_path / 'a.py').write_text(text)
    with pytest.raises(ConfigError, match=rf'a\.py.*{sentence}'):
        load_config(tmp_path / 'a.py')


def test_names_of_types():
    """Code that compares types with texts, and passes over classes and import paths."""

    class Mine:
        pass

    assert short_type(dict(type=nn.GELU)) == short_type(dict(type='torch.nn.GELU')) == 'GELU'
    assert short_type(dict(type=Mine)) == 'Mine'
    assert short_type(dict(type=None)) == short_type(None) == ''
    assert own_type(dict(type='msvitreid.models.MSViT')) == 'MSViT'
    assert own_type(dict(type='MSViT')) == own_type(dict(type='msvitreid.MSViT')) == 'MSViT'
    assert own_type(dict(type='mmpretrain.ResNet')) is own_type(dict(type=nn.GELU)) is None


def test_a_config_with_classes_is_written_so_that_it_can_be_read(market, tmp_path):
    cfg = tiny_config(market, tmp_path / 'work')
    cfg.model.backbone.act_cfg = dict(type=nn.GELU)
    build_runner(cfg).record_start()
    (written,) = (tmp_path / 'work').glob('*.py')
    read = Config.fromfile(written)
    assert read.model.backbone.act_cfg.type == 'torch.nn.modules.activation.GELU'
    assert with_names(cfg).to_dict() == read.to_dict()
