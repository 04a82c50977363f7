"""``dist_train.sh``, ``dist_test.sh`` and ``torchrun``, two processes on the CPU."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tools.user import REPOSITORY, SMALL, leaf, options, run

from .command import command

TOOLS = REPOSITORY / 'tools'
MARKET = leaf('msvit-s_market1501')


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def launch(script, *args):
    environment = {
        **os.environ,
        'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        'PORT': str(free_port()),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
    }
    given = [script, *map(str, args)]
    done = subprocess.run(given, capture_output=True, text=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_train_and_test(data_root, tmp_path):
    small = {**SMALL, 'data_root': data_root}
    two_epochs = options(small, {'train_cfg.max_epochs': 2})
    out = launch(
        TOOLS / 'dist_train.sh', MARKET, 2, '--work-dir', tmp_path / 'work', *two_epochs
    )
    # Four identities, two of them on each rank.
    assert 'Epoch(train) [2][1/1]' in out
    averaged = tmp_path / 'work' / 'averaged.pth'
    assert torch.load(averaged, weights_only=True)['meta']['averaged_epochs'] == 2

    files = [tmp_path / 'two.json', tmp_path / 'one.json']
    test = ('--work-dir', tmp_path / 'test', '--out')
    launch(TOOLS / 'dist_test.sh', MARKET, averaged, 2, *test, files[0], *options(small))
    assert run('test.py', MARKET, averaged, *test, files[1], *options(small)).code == 0
    two, one = (json.loads(file.read_text())['metrics'] for file in files)
    assert two == pytest.approx(one, abs=1e-6)


@pytest.mark.slow
def test_embed(tiny_set, tmp_path):
    """Of one image at a time, two processes give every bit of one."""
    arguments = [tiny_set.model, Path(tiny_set.config).parent / 'set', '--batch-size', 1]
    files = [tmp_path / 'one.npz', tmp_path / 'two.npz']
    assert command('embed', *arguments, '--out', files[0]).code == 0
    torchrun = ('torchrun', '--nproc-per-node', 2, '--master-port', free_port())
    launch(*torchrun, '-m', 'msvitreid', 'embed', *arguments, '--out', files[1])
    one, two = (dict(np.load(file)) for file in files)
    assert one['embeddings'].shape == (24, 80)
    for name in ('embeddings', 'paths', 'fingerprint'):
        np.testing.assert_array_equal(one[name], two[name])
