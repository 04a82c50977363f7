from __future__ import annotations

import pytest

from tests.miniature import TreeShape, write_cub200, write_market1501
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


@pytest.fixture
def bench(tmp_path, trained):
    """A case's own miniature tree and folder, beside an earlier run's work directory."""
    files = tmp_path / 'files'
    files.mkdir()
    shape = TreeShape(train_identities=4, test_identities=2, images=3)
    write_market1501(tmp_path / 'data', shape)
    return Bench(tmp_path / 'data', trained, files)
