"""Training on two and three ranks is training on one with the joint batch."""

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import distributed

from msvitreid.engine.distributed.unwrap_model import bare_model
from msvitreid.models import ReIDModel
from msvitreid.registry import HOOKS, MODELS
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


def train(market, work_dir, ranks, **changes):
    cfg = tiny_config(
        market,
        work_dir / str(ranks),
        launcher='pytorch' if ranks > 1 else 'none',
        sync_bn='torch',
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
    cfg.custom_hooks += [dict(type='RecordLosses')]
    runner = build_runner(cfg)
    runner.train()
    rows = next(hook.rows for hook in runner.hooks if isinstance(hook, RecordLosses))
    state = {name: value.numpy() for name, value in bare_model(runner).state_dict().items()}
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
