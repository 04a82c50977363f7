"""The walk of docs/en/swap.md: its packages and configs as they stand there, in small."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys

import pytest
import torch

from msvitreid.demo.drawn import make_synthetic
from msvitreid.engine import load_config
from msvitreid.errors import ConfigError
from msvitreid.models import GlobalPoolingNeck, MetricLearningLoss
from msvitreid.registry import DATASETS, MODELS
from tests.miniature import TreeShape, write_occluded_duke
from tests.miniature.tree import write_image
from tests.tools.user import REPOSITORY, SMALL, options, run

from .page import Page

SMALL_BACKBONES = {
    'backbone-resnet50': {
        'model.backbone.depth': 18,
        'model.backbone.stem_channels': 8,
        'model.backbone.base_channels': 8,
        'model.backbone.init_cfg': None,
    },
    'plain-net': {'model.backbone.channels': [8, 8, 8, 16]},
}
LINES = {'my_reid/zoo.py': 15, 'my_reid/center_loss.py': 20, 'my_reid/plain_net.py': 40}
OURS = {'Zoo': DATASETS, 'CenterLoss': MODELS, 'PlainNet': MODELS}


@pytest.fixture(scope='module')
def page():
    return Page('swap.md')


@pytest.fixture(scope='module')
def reader(page, tmp_path_factory):
    """Where the reader is, with the page's files written and data in place."""
    root = tmp_path_factory.mktemp('checkout')
    for name in ('configs', 'tools'):
        (root / name).symlink_to(REPOSITORY / name)
    page.write_configs(root)
    (root / 'my_reid' / '__init__.py').touch()
    write_occluded_duke(
        root / 'data', TreeShape(train_identities=2, test_identities=2, images=3)
    )
    for split, animals in (('train', (3, 4, 7, 8)), ('query', (5, 6)), ('gallery', (5, 6))):
        cameras = (1,) if split == 'query' else (2, 3, 4)
        for animal in animals:
            for camera in cameras:
                path = root / 'data' / 'zoo' / split / f'{animal}_{camera}_{split}.jpg'
                write_image(path, animal, (40, 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv('MSVITREID_DATA_ROOT', raising=False)
        patch.syspath_prepend(str(root))
        yield root
    for module in [name for name in sys.modules if name.split('.')[0] == 'my_reid']:
        del sys.modules[module]
    for name, registry in OURS.items():
        registry._module_dict.pop(name, None)


@pytest.fixture(scope='module')
def walk(page, reader):
    """What each command of the page printed."""
    outcomes = {}
    for tool, arguments in page.commands:
        name = arguments[0].rpartition('/')[2].removesuffix('.py')
        backbone = SMALL_BACKBONES.get(name)
        small = {key: SMALL[key] for key in SMALL if not (backbone and 'arch' in key)}
        small |= {'train_cfg.max_epochs': 1, **(backbone or {})}
        outcome = run(tool, *arguments, *options(small))
        assert outcome.code == 0, (tool, arguments, outcome.err)
        outcomes[' '.join([tool, *arguments])] = outcome
    return outcomes


def state(path):
    return torch.load(path, weights_only=True)


def test_components_are_as_short_as_promised(page):
    components = {name for name in page.files if name.startswith('my_reid')}
    assert components == LINES.keys()
    for name, most in LINES.items():
        assert len(page.files[name].splitlines()) < most, name


def test_every_swap_is_in_the_table(page):
    rows = [line for line in page.text.splitlines() if line.startswith('| `')]
    listed = {row.split('`')[1] for row in rows if row.split('`')[1].endswith('.py')}
    assert listed == {path.name for path in (REPOSITORY / 'configs' / 'swap').glob('*.py')}


def test_every_run_is_two_iterations_and_tested(walk, reader):
    trained = {command.split()[1] for command in walk if command.startswith('train.py')}
    assert {
        'my_configs/zoo.py',
        'my_configs/center-loss.py',
        'my_configs/plain-net.py',
    } < trained
    for name in ('zoo', 'center-loss', 'plain-net'):
        assert state(reader / 'work_dirs' / name / 'epoch_1.pth')['meta']['iter'] == 2
    assert sum(command.startswith('test.py') for command in walk) == 3
    assert set(json.loads((reader / 'zoo.json').read_text())['metrics']) >= {'mAP', 'rank-1'}


def test_the_dataset_is_read(walk):
    (trained,) = (
        out for name, out in walk.items() if name.startswith('train.py my_configs/zoo')
    )
    assert 'Zoo train: 12 images, 4 identities, 3 cameras (data/zoo)' in trained.out


def test_the_zoo_in_small(page, reader, tmp_path, monkeypatch):
    """On the demo's base, with the sample dataset's pictures; the package is the reader's."""
    (tmp_path / 'configs').symlink_to(REPOSITORY / 'configs')
    page.write_configs(tmp_path)
    zoo = tmp_path / 'my_configs' / 'zoo.py'
    demo = "_base_ = '../configs/demo/msvit-demo.py'"
    text = zoo.read_text()
    assert demo.partition(' = ')[2] in page.text
    zoo.write_text(re.sub(r"^_base_ = '.*'$", demo, text, flags=re.MULTILINE))
    assert zoo.read_text() != text
    counts = dict(num_train_ids=2, num_test_ids=2, images_per_id=8, gallery_per_id=2)
    make_synthetic(tmp_path / 'work_dirs' / 'demo' / 'data', **counts, workers=1)
    monkeypatch.chdir(tmp_path)
    runpy.run_path('make_zoo.py')
    small = {**SMALL, 'train_cfg.max_epochs': 1}
    outcome = run('train.py', 'my_configs/zoo.py', *options(small))
    assert outcome.code == 0, outcome.err
    assert 'Zoo train: 16 images, 2 identities, ' in outcome.out
    assert 'Zoo gallery: 4 images, 2 identities, ' in outcome.out


def test_the_losses_centres_are_trained_and_averaged(walk, reader):
    weights = state(reader / 'work_dirs/center-loss/averaged.pth')['state_dict']
    assert weights['head.losses_triplet.2.centers'].shape == (4, 512)


def test_the_backbone_is_the_one_of_the_page(walk, reader):
    weights = state(reader / 'work_dirs/plain-net/averaged.pth')['state_dict']
    assert 'backbone.stages.2.layers.0.0.weight' in weights
    assert weights['head.linears.4.weight'].shape == (16, 16)


def test_the_normalization_arrives(walk, reader):
    cfg = load_config(reader / 'work_dirs/backbone-resnet50/backbone-resnet50.py')
    assert cfg.model.data_preprocessor.mean == [0.485, 0.456, 0.406]


def test_the_config_of_two_parts(reader):
    cfg = load_config(reader / 'my_configs' / 'multi-similarity.py')
    model = MODELS.build({**cfg.model, 'head': {**cfg.model.head, 'num_classes': 3}})
    assert isinstance(model.neck, GlobalPoolingNeck)
    assert [type(loss) for loss in model.head.losses_triplet] == [MetricLearningLoss] * 2


def test_a_package_that_python_does_not_find_is_named(tmp_path):
    config = tmp_path / 'lost.py'
    config.write_text(
        "custom_imports = dict(imports=['no_such_reid'], allow_failed_imports=False)"
    )
    with pytest.raises(ConfigError, match=r'lost\.py.*no_such_reid'):
        load_config(config)


def test_the_table_of_weights_is_that_of_the_configs(page):
    for name in ('backbone-resnet50', 'backbone-swin-t', 'backbone-timm'):
        tree = ast.parse((REPOSITORY / 'configs' / 'swap' / f'{name}.py').read_text())
        values = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        (path,) = (v for v in values if isinstance(v, str) and v.startswith('pretrain/'))
        assert f'`{path.removeprefix("pretrain/")}`' in page.text
