"""Every config trains and is tested, and one resumes, as a user does it.

A tiny net stands for all: the large configs would run what the small ones do. What they say is
compared in ``test_leaves.py``.
"""

import hashlib
import json

import pytest
import torch

from tests.miniature import WRITERS, TreeShape
from tests.tools.user import SMALL, leaf, options, run

from .leaves import LEAVES


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    """The folder of all datasets, and what is in it by the name of each."""
    root = tmp_path_factory.mktemp('data')
    shape = TreeShape(train_identities=4, test_identities=2, images=3)
    return root, {name: write(root, shape) for name, write in WRITERS.items()}


RUN = [leaf for leaf in LEAVES if leaf.size == 's' or leaf.name == 'msvit-l_market1501']


@pytest.mark.parametrize('published', RUN, ids=lambda leaf: leaf.name)
def test_train_and_test(published, trees, tmp_path):
    data_root, tables = trees
    config = leaf(published.name)
    work_dir, result = tmp_path / 'work', tmp_path / 'result.json'
    small = {**SMALL, 'data_root': data_root}
    one_epoch = options(small, {'train_cfg.max_epochs': 1})
    assert run('train.py', config, '--work-dir', work_dir, *one_epoch).code == 0
    checkpoint = work_dir / 'averaged.pth'
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    identities = {row.pid for row in tables[published.train_tree]['train']}
    assert len(weights['head.classifiers.4.weight']) == len(identities)

    tested = run(
        'test.py', config, checkpoint, '--work-dir', work_dir, '--out', result, *options(small)
    )
    assert tested.code == 0
    report = json.loads(result.read_text())
    assert set(report['metrics']) == published.figures
    assert all(0 <= value <= 1 for value in report['metrics'].values())
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert report['checkpoint'] == {'path': str(checkpoint), 'sha256': digest}
    assert report['config'] == config
    assert {'msvitreid', 'python', 'torch', 'numpy', 'mmengine'} <= set(report['versions'])


def test_resume(trees, tmp_path):
    data_root, _ = trees
    config, work_dir = leaf('msvit-s_occluded-duke'), tmp_path / 'work'
    small = {**SMALL, 'data_root': data_root}
    one_epoch = options(small, {'train_cfg.max_epochs': 1})
    assert run('train.py', config, '--work-dir', work_dir, *one_epoch).code == 0
    two_epochs = options(small, {'train_cfg.max_epochs': 2})
    resumed = run(
        'train.py', config, '--work-dir', work_dir, '--resume', '--accept-changes', *two_epochs
    )
    assert resumed.code == 0
    assert 'Epoch(train) [1]' not in resumed.out
    assert 'Epoch(train) [2]' in resumed.out
    averaged, *snapshots = (
        torch.load(work_dir / f'{name}.pth', weights_only=True)
        for name in ('averaged', 'epoch_1', 'epoch_2')
    )
    assert averaged['meta']['averaged_epochs'] == 2
    for name in ('backbone.stages.0.0.main.0.conv.weight', 'head.linears.4.weight'):
        first, second = (snapshot['state_dict'][name] for snapshot in snapshots)
        mean = (first + second) / 2
        torch.testing.assert_close(averaged['state_dict'][name], mean, rtol=0, atol=1e-6)
