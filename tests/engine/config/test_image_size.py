"""``image_size``: a variable whose change did nothing, as base files had computed with it."""

import pytest
from mmengine.config import Config

from msvitreid.apis import get_model
from msvitreid.engine import complete_config, load_config
from msvitreid.engine.config.image_size import fill_image_size, made_sizes
from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from tests.configs.leaves import CONFIGS
from tests.configs.walk import every_config
from tests.engine.tiny_run import build_runner, tiny_config
from tests.tools.user import leaf, options, run

MARKET = leaf('msvit-s_market1501')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def sizes(cfg):
    completed = complete_config(cfg)
    return [*made_sizes({name: completed[name] for name in LOADERS}).values()]


@pytest.mark.parametrize(
    ('reference', 'value'),
    [
        ('{{image_size}}', (384, 128)),
        ('{{image_size.wh}}', (128, 384)),
        ('{{image_size+32}}', (416, 160)),
        ('{{ image_size.wh + 32 }}', (160, 416)),
        ('image_size', 'image_size'),
    ],
)
def test_references(reference, value):
    filled = fill_image_size({'a': [{'b': reference}], 'c': (reference, 1)}, (384, 128))
    assert filled == {'a': [{'b': value}], 'c': (value, 1)}


@pytest.mark.parametrize(
    ('reference', 'size', 'sentence'),
    [
        ('{{image_size.hw}}', (2, 2), r'image_size\.hw'),
        ('{{image_size*2}}', (2, 2), r'image_size\*2'),
        ('{{image_size.side}}', (4, 2), r'square.*\(4, 2\)'),
        ('{{image_size}}', None, 'no image_size'),
    ],
)
def test_wrong_references(reference, size, sentence):
    with pytest.raises(ConfigError, match=sentence):
        fill_image_size([reference], size)


@pytest.mark.parametrize('value', [224, (384,), (384, 0), (384, 128.0), 'large'])
def test_no_image_size(value):
    with pytest.raises(ConfigError, match='image_size must be'):
        complete_config(Config({'image_size': value, 'a': '{{image_size}}'}))


@pytest.mark.parametrize('path', every_config(), ids=lambda path: path.stem)
def test_an_option_changes_all_images_of_every_config(path):
    # The demo's images are drawn in their size and not resized.
    cfg = load_config(path, {'image_size': [64, 64]})
    assert complete_config(cfg).image_size == [64, 64]
    if path.parent.name != 'demo':
        assert sizes(cfg) == [(64, 64)] * 3


def test_a_leaf_changes_all_images(tmp_path):
    (tmp_path / 'mine.py').write_text(f'_base_ = {MARKET!r}\nimage_size = (256, 128)\n')
    assert sizes(load_config(tmp_path / 'mine.py')) == [(256, 128)] * 3


def test_a_lazy_config(tmp_path):
    load_config(MARKET).dump(tmp_path / 'market1501.py')
    (tmp_path / 'mine.py').write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n    from .market1501 import *\n'
        'image_size = (256, 128)\n'
    )
    assert sizes(load_config(tmp_path / 'mine.py')) == [(256, 128)] * 3


def test_the_runner_of_mmengine_gets_numbers():
    cfg = load_config(MARKET, {'runner_type': 'Runner', 'image_size': (256, 128)})
    assert cfg.train_dataloader.dataset.pipeline[1].scale == (128, 256)


def test_a_net_of_one_size_gets_it():
    path = CONFIGS / 'baselines' / 'vit-s16_market1501.py'
    assert complete_config(load_config(path)).model.backbone.img_size == (256, 128)
    cfg = load_config(path, {'image_size': (64, 32)})
    cfg.model.backbone.arch = dict(
        embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16
    )
    assert tuple(get_model(cfg).backbone.pos_embed.shape) == (1, 1 + 4 * 2, 16)


def test_an_option_without_effect_is_refused(tmp_path):
    """Pipelines that state numbers do not follow the variable."""
    text = "train_pipeline = [dict(type='Resize', scale=(128, 384))]\n"
    (tmp_path / 'a.py').write_text(f'image_size = (384, 128)\n{text}')
    with pytest.raises(ConfigError, match="option 'image_size'"):
        load_config(tmp_path / 'a.py', {'image_size': (256, 128)})


@pytest.mark.parametrize(
    ('changes', 'loader'),
    [
        ({'image_size': (200, 128)}, 'train_dataloader'),
        ({'test_pipeline.1.scale': (128, 200)}, 'val_dataloader'),
    ],
)
def test_a_size_that_does_not_fit_is_refused_before_data_are_read(changes, loader, tmp_path):
    """It was found by the first forward pass, or by the first validation, hours later."""
    given = options({'data_root': tmp_path / 'gone', 'model.pretrained': None, **changes})
    outcome = run('train.py', MARKET, '--work-dir', tmp_path / 'work', *given)
    (line,) = [text for text in outcome.err.splitlines() if text.startswith('error: ')]
    assert outcome.code == 2
    for part in ('stage 1', '50x32', '200x128', 'split_size 8x8', loader):
        assert part in line
    assert not (tmp_path / 'work').exists()


def test_any_backbone_may_check_the_size(market, tmp_path):
    class Picky(MODELS.get('MSViT')):
        @staticmethod
        def check_image_size(height, width, *, split_size, **_):
            raise ConfigError(f'Picky does not like {height}x{width} and {split_size}')

    cfg = tiny_config(market, tmp_path / 'run')
    split = cfg.model.backbone.split_size
    cfg.model.backbone.type = Picky
    with pytest.raises(ConfigError) as caught:
        build_runner(cfg)
    assert f'64x32 and {split}' in str(caught.value)


def test_images_of_no_one_size():
    load, resize = {'type': 'LoadImage'}, {'type': 'Resize', 'scale': (32, 64)}
    pack = {'type': 'PackReIDInputs'}
    loaders = {
        'as they are': {'dataset': {'pipeline': [load, pack]}},
        'joined': {'dataset': {'datasets': [{'pipeline': [load, resize, pack]}] * 2}},
        'broken': {'dataset': {'pipeline': [resize, pack]}},
        'none': None,
    }
    assert made_sizes(loaders) == {'joined': (64, 32)}
