"""``msvitreid dist-train`` and ``dist-test``: what they start."""

import os
import sys

import pytest

from msvitreid.cli.main import main

WRONG_GPUS = ['0', '-1', 'two', '1.5', '2x', ' 2', '', '٢', '--resume']


@pytest.fixture
def started(monkeypatch):
    """Arguments of the process that takes this one's place."""
    words = []
    monkeypatch.setattr(os, 'execv', lambda file, argv: words.extend([file, *argv]))
    for name in ('NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT'):
        monkeypatch.delenv(name, raising=False)
    return words


def test_a_process_for_each_gpu(started):
    main(['dist-train', 'a config.py', '2', '--amp', '--cfg-options', 'a=1'])
    assert started == [
        sys.executable,
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--nnodes=1',
        '--node_rank=0',
        '--master_addr=127.0.0.1',
        '--master_port=29500',
        '--nproc_per_node=2',
        '--module',
        'msvitreid',
        'train',
        'a config.py',
        '--launcher',
        'pytorch',
        '--amp',
        '--cfg-options',
        'a=1',
    ]


def test_several_machines(started, monkeypatch):
    machines = {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': '10.0.0.1', 'PORT': '29501'}
    for name, value in machines.items():
        monkeypatch.setenv(name, value)
    main(['dist-test', 'config', 'c.pth', '8', '--rerank'])
    assert started[4:8] == [
        '--nnodes=2',
        '--node_rank=1',
        '--master_addr=10.0.0.1',
        '--master_port=29501',
    ]
    assert started[9:] == [
        *('--module', 'msvitreid', 'test', 'config', 'c.pth'),
        *('--launcher', 'pytorch', '--rerank'),
    ]


@pytest.mark.parametrize('gpus', WRONG_GPUS)
@pytest.mark.parametrize('command', [['dist-train', 'c.py'], ['dist-test', 'c.py', 'c.pth']])
def test_a_wrong_number_of_gpus_is_refused(command, gpus, started, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command, gpus])
    assert end.value.code == 2
    assert 'GPUS' in capsys.readouterr().err
    assert started == []
