"""Training on a GPU; docs/benchmarks/gpu_tests.md says when and on what these last ran."""

import os
import socket

import pytest
import torch

from msvitreid.engine import use_resume
from tests.engine.hooks.test_preemption_hook import TerminateAt
from tests.engine.tiny_run import build_runner, tiny_config

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]

DETERMINISTIC = {'randomness': dict(seed=0, deterministic=True)}


def train(market, work_dir, **changes):
    runner = build_runner(tiny_config(market, work_dir, **changes))
    runner.train()
    return runner


def averaged(work_dir):
    return torch.load(work_dir / 'averaged.pth', weights_only=True)['state_dict']


def loss(runner):
    return runner.message_hub.get_scalar('train/loss').data[0]


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_mixed_precision_follows_float32(dtype, market, tmp_path):
    plain = loss(train(market, tmp_path / 'plain'))
    wrapper = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': dtype}
    mixed = loss(train(market, tmp_path / dtype, **wrapper))
    assert mixed[0] == pytest.approx(plain[0], rel=0.05)
    assert mixed[-1] < mixed[0]


def test_one_process_over_nccl_is_a_run_without(market, tmp_path, monkeypatch):
    train(market, tmp_path / 'plain', **DETERMINISTIC)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
    names = {'RANK': 0, 'LOCAL_RANK': 0, 'WORLD_SIZE': 1, 'MASTER_PORT': port}
    for name, value in names.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    backend = {'launcher': 'pytorch', 'env_cfg.dist_cfg': dict(backend='nccl', timeout=60)}
    try:
        train(market, tmp_path / 'nccl', **DETERMINISTIC, **backend)
        assert torch.distributed.get_backend() == 'nccl'
    finally:
        torch.distributed.destroy_process_group()
    one, other = averaged(tmp_path / 'plain'), averaged(tmp_path / 'nccl')
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_compiled_run_follows_a_plain_one(market, tmp_path):
    plain, compiled = (
        loss(train(market, tmp_path / str(on), compile=on)) for on in (False, True)
    )
    assert compiled[0] == pytest.approx(plain[0], rel=1e-3)


def test_a_resumed_run_ends_with_the_weights_of_an_undisturbed_one(market, tmp_path):
    assert os.environ.get('CUBLAS_WORKSPACE_CONFIG'), 'set it to :4096:8 before CUDA starts'
    train(market, tmp_path / 'whole', **DETERMINISTIC)
    cfg = tiny_config(market, tmp_path / 'cut', **DETERMINISTIC)
    cfg.custom_hooks.append(dict(type=TerminateAt.__name__, place=('train', 1, 1)))
    with pytest.raises(SystemExit):
        build_runner(cfg).train()
    cfg = tiny_config(market, tmp_path / 'cut', **DETERMINISTIC)
    cfg.experiment_name += '-resumed'
    use_resume(cfg, None)
    build_runner(cfg).train()
    one, other = averaged(tmp_path / 'whole'), averaged(tmp_path / 'cut')
    assert all(torch.equal(one[name], other[name]) for name in one)
