from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.apis.tiny_model import PIPELINE, write_tiny_model
from tests.miniature import TreeShape, write_cub200, write_market1501
from tests.models.tiny import tiny_reid_model
from tests.tools.user import SMALL, leaf, options, run

from .bench import Bench


@pytest.fixture(scope='session')
def data_root(tmp_path_factory):
    """The folder of all datasets, with Market-1501 and CUB in it; do not change it."""
    root = tmp_path_factory.mktemp('data')
    for write in (write_market1501, write_cub200):
        write(root, TreeShape(train_identities=4, test_identities=2, images=3))
    return root


@pytest.fixture(scope='session')
def trained(data_root, tmp_path_factory):
    """Work directory of one epoch on Market-1501; do not change it."""
    work_dir = tmp_path_factory.mktemp('trained')
    small = options(SMALL, {'data_root': data_root, 'train_cfg.max_epochs': 1})
    outcome = run('train.py', leaf('msvit-s_market1501'), '--work-dir', work_dir, *small)
    assert outcome.code == 0, outcome.err
    return work_dir


class TinySet(NamedTuple):
    config: str
    weights: str
    model: str
    images: list[str]


@pytest.fixture(scope='session')
def tiny_set(tmp_path_factory):
    """A tiny net on a set that nobody may change.

    Six identities, each once queried by camera 1, with three gallery images of cameras 1, 2.
    """
    folder = tmp_path_factory.mktemp('tiny_set')
    rng = np.random.default_rng(0)
    for identity in range(6):
        own = rng.integers(0, 256, (8, 4, 3))
        for number in range(4):
            split = 'gallery' if number else 'query'
            place = folder / 'set' / split / f'p{identity}'
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.kron(own, np.ones((8, 8, 1))) + rng.normal(0, 40, (64, 32, 3))
            name = f'{identity}{number}_c{1 + number % 2}.png'
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(place / name)
    model = write_tiny_model(folder)
    config = folder / 'tiny.py'
    dataset = dict(
        type='ReIDDataset',
        data_root=str(folder / 'set'),
        split='test',
        camera_pattern=r'_c(\d)',
        pipeline=PIPELINE,
    )
    loader = dict(
        batch_size=2, dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=False)
    )
    config.write_text(
        f'model = {tiny_reid_model()!r}\n'
        f'test_pipeline = {PIPELINE!r}\n'
        f'test_dataloader = {loader!r}\n'
        "test_evaluator = dict(type='ReIDMetric', ap='plain')\n"
        'test_cfg = dict()\n'
    )
    images = sorted(map(str, (folder / 'set' / 'query').rglob('*.png')))
    return TinySet(str(config), str(folder / 'averaged.pth'), str(model), images)


@pytest.fixture
def bench(tmp_path, trained):
    """A case's own miniature tree and folder, beside an earlier run's work directory."""
    files = tmp_path / 'files'
    files.mkdir()
    shape = TreeShape(train_identities=4, test_identities=2, images=3)
    write_market1501(tmp_path / 'data', shape)
    return Bench(tmp_path / 'data', trained, files)
