"""Training on two and three ranks is training on one with the joint batch."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import distributed

from msvitreid.engine import ReIDRunner
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel
from msvitreid.registry import HOOKS, MODELS
from tests.engine.distributed.joint_batch_norm import join_batch_norms
from tests.engine.tiny_run import build_runner, tiny_config
from tests.miniature import TreeShape, write_market1501
from tests.processes import run_ranks

BATCH, EPOCHS = 24, 5


@pytest.fixture(scope='module')
def market(tmp_path_factory):
    """Twelve training identities: two batches an epoch of six identities with four images."""
    root = tmp_path_factory.mktemp('ranks')
    write_market1501(root, TreeShape(train_identities=12, test_identities=4, images=4))
    return root


@MODELS.register_module(force=True)
class DoubleReIDModel(ReIDModel):
    """In float64: selection and ReLU make the net discontinuous in float32's last bits."""

    def __init__(self, **options):
        super().__init__(**options)
        self.double()

    def vectors(self, images):
        return super().vectors(images.double())


@HOOKS.register_module(force=True)
class RecordLosses(Hook):
    """Keeps the mean over ranks of every step's losses."""

    def __init__(self):
        self.rows = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        row = torch.stack([outputs[name].detach() for name in ('loss', 'ce', 'triplet')])
        if distributed.is_initialized():
            distributed.all_reduce(row)
            row /= distributed.get_world_size()
        self.rows.append(row.numpy())


class JointBatchRunner(ReIDRunner):
    """Does on the CPU what ``sync_bn='torch'`` does on GPUs."""

    def wrap_model(self, model_wrapper_cfg, model):
        return super().wrap_model(model_wrapper_cfg, join_batch_norms(model))


def several_processes(market, work_dir, ranks, **changes):
    return tiny_config(
        market,
        work_dir / str(ranks),
        launcher='pytorch' if ranks > 1 else 'none',
        **{
            'train_dataloader.batch_size': BATCH // ranks,
            'train_dataloader.sampler.num_instances': 4,
            'train_cfg.max_epochs': EPOCHS,
            'train_cfg.val_interval': EPOCHS,
            'model.type': 'DoubleReIDModel',
            'model.data_preprocessor.batch_augments': [],
            'env_cfg': dict(dist_cfg=dict(timeout=60)),
            **changes,
        },
    )


def train(market, work_dir, ranks):
    cfg = several_processes(market, work_dir, ranks)
    cfg.custom_hooks += [dict(type='RecordLosses')]
    runner = (JointBatchRunner if ranks > 1 else ReIDRunner).from_cfg(cfg)
    runner.train()
    rows = next(hook.rows for hook in runner.hooks if isinstance(hook, RecordLosses))
    state = {name: value.numpy() for name, value in unwrap_model(runner).state_dict().items()}
    figures = {
        name: buffer.current()
        for name, buffer in runner.message_hub.log_scalars.items()
        if name.startswith('val/averaged/')
    }
    return np.stack(rows), state, figures


@pytest.fixture(scope='module')
def alone(market, tmp_path_factory):
    return train(market, tmp_path_factory.mktemp('alone'), 1)


@pytest.mark.parametrize('ranks', [2, 3])
def test_losses_average_statistics_and_figures(ranks, market, alone, tmp_path):
    losses, state, figures = alone
    assert len(losses) == 10
    for result in run_ranks(train, ranks, market, tmp_path, ranks, timeout=120):
        np.testing.assert_allclose(result[0], losses, rtol=1e-6)
        assert result[1].keys() == state.keys()
        for name, value in state.items():
            scale = max(1.0, np.abs(value).max())
            np.testing.assert_allclose(result[1][name], value, atol=1e-6 * scale, err_msg=name)
        assert figures.keys() == result[2].keys() >= {'val/averaged/mAP'}
        assert result[2] == pytest.approx(figures, abs=1e-6)


def test_each_process_normalizes_its_own_images_and_the_average_is_one(market, tmp_path):
    """Class of faults: processes that re-estimate BatchNorm by different images end apart."""

    def buffers():
        cfg = several_processes(market, tmp_path, 2, **{'train_cfg.max_epochs': 2})
        runner = build_runner(cfg)
        runner.train()
        return {name: value.numpy() for name, value in unwrap_model(runner).named_buffers()}

    first, second = run_ranks(buffers, 2, timeout=120)
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_sync_bn_needs_gpus(market, tmp_path):
    """Class of faults: an option of GPUs on the CPU is an error of torch in the first step."""
    cfg = several_processes(market, tmp_path, 2, sync_bn='torch')
    with pytest.raises(ConfigError, match=r"^sync_bn='torch' .*GPU"):
        run_ranks(lambda: build_runner(cfg), 2)
