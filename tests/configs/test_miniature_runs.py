"""Every config trains, is interrupted, resumes and is tested, as a user does it."""

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


@pytest.mark.parametrize('published', LEAVES, ids=lambda leaf: leaf.name)
def test_train_resume_and_test(published, trees, tmp_path):
    data_root, tables = trees
    config = leaf(published.name)
    work_dir, result = tmp_path / 'work', tmp_path / 'result.json'
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

    checkpoint = work_dir / 'averaged.pth'
    averaged = torch.load(checkpoint, weights_only=True)
    assert averaged['meta']['averaged_epochs'] == 2
    snapshots = [
        torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)['state_dict']
        for epoch in (1, 2)
    ]
    for name in ('backbone.stages.0.0.main.0.conv.weight', 'head.linears.4.weight'):
        mean = (snapshots[0][name] + snapshots[1][name]) / 2
        torch.testing.assert_close(averaged['state_dict'][name], mean, rtol=0, atol=1e-6)
    identities = {row.pid for row in tables[published.train_tree]['train']}
    assert len(averaged['state_dict']['head.classifiers.4.weight']) == len(identities)

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
