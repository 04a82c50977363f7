"""A rank that dies or falls silent ends the others with an error within the timeout."""

import multiprocessing
import os
import re
import signal
import socket
import sys
import time

import pytest
import torch
from mmengine.hooks import Hook

from msvitreid.errors import ConfigError
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config

TIMEOUT = 6


@HOOKS.register_module(force=True)
class LoseRankOne(Hook):
    def __init__(self, name, place):
        self.signal = getattr(signal, name)
        self.place = place

    def reach(self, place):
        if place == self.place and os.environ['RANK'] == '1':
            os.kill(os.getpid(), self.signal)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.reach(f'train {runner.iter}')

    def before_bn_iter(self, runner, batch_idx):
        self.reach(f'bn {batch_idx}')

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.reach('val')


def train(market, work_dir, rank, port, hook):
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2', MASTER_PORT=str(port)
    )
    os.environ['MASTER_ADDR'] = '127.0.0.1'
    cfg = tiny_config(
        market,
        work_dir,
        launcher='pytorch',
        env_cfg=dict(dist_cfg=dict(timeout=TIMEOUT)),
        **{'train_dataloader.batch_size': 4, 'train_cfg.val_interval': 1},
    )
    cfg.custom_hooks.append(hook)
    try:
        build_runner(cfg).train()
    except RuntimeError as error:
        (work_dir.parent / f'error-{rank}').write_text(str(error))
        sys.exit(1)


@pytest.mark.parametrize('name', ['SIGKILL', 'SIGSTOP'])
@pytest.mark.parametrize('place', ['train 3', 'val', 'bn 2'])
def test_the_others_end_with_an_error(name, place, market, tmp_path):
    fork = multiprocessing.get_context('fork')
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    hook = dict(type='LoseRankOne', name=name, place=place)
    ranks = [
        fork.Process(target=train, args=(market, tmp_path / 'work', rank, port, hook))
        for rank in range(2)
    ]
    for rank in ranks:
        rank.start()
    try:
        began = time.monotonic()
        ranks[0].join(timeout=TIMEOUT + 60)
        assert ranks[0].exitcode == 1
        if name == 'SIGKILL':
            ranks[1].join(timeout=5)
            assert ranks[1].exitcode == -signal.SIGKILL
        assert time.monotonic() - began < TIMEOUT + 60
    finally:
        for rank in ranks:
            rank.kill()
            rank.join()
    message = (tmp_path / 'error-0').read_text()
    assert re.search(r'Connection (closed|reset) by peer|Timed out waiting', message)


@pytest.mark.parametrize('timeout', ['10min', 0, None])
def test_a_timeout_is_seconds(timeout, market, tmp_path):
    env_cfg = dict(dist_cfg=dict(timeout=timeout))
    with pytest.raises(ConfigError, match=r'env_cfg\.dist_cfg\.timeout'):
        build_runner(tiny_config(market, tmp_path, env_cfg=env_cfg))


@pytest.mark.parametrize('launcher', ['pytorch', 'slurm'])
def test_a_launcher_that_is_not_there(launcher, market, tmp_path, monkeypatch):
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=f'--launcher {launcher} .* RANK, LOCAL_RANK'):
        build_runner(tiny_config(market, tmp_path, launcher=launcher))


def test_slurms_names_are_enough(market, tmp_path, monkeypatch):
    for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, 'x')  # put back afterwards
        monkeypatch.delenv(name)
    for name, value in (('PROCID', 0), ('LOCALID', 0), ('NTASKS', 1)):
        monkeypatch.setenv(f'SLURM_{name}', str(value))
    try:
        runner = build_runner(tiny_config(market, tmp_path, launcher='slurm'))
        assert (runner.rank, runner.world_size) == (0, 1)
    finally:
        torch.distributed.destroy_process_group()
