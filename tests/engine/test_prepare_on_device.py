"""Training with images that are resized, cropped and flipped on the device.

The class of faults: a second chain of preparation that draws other crops than the first, or
that the rest of a run does not know.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config

from msvitreid.engine import complete_config
from msvitreid.errors import ConfigError
from tests.fake_device import CUDA, FakeDevice

from .tiny_run import build_runner, tiny_config

#: The whole of what a config states.
FRAGMENT = dict(prepare_on_device=True)


def first_batches(runner, count=2):
    loop = runner.build_train_loop(runner._train_loop)
    runner._train_loop = loop
    loop._batches.set_epoch(0, 0)
    return [batch for batch, _ in zip(loop.dataloader, range(count), strict=False)]


def test_two_epochs_of_training(market, tmp_path):
    """Losses are near those of the CPU's chain, which has other roundings and the same draws."""
    losses = []
    for name, changes in (('plain', {}), ('device', FRAGMENT)):
        cfg = tiny_config(market, tmp_path / name, **changes)
        cfg.train_cfg.max_epochs = 2
        runner = build_runner(cfg)
        runner.train()
        losses.append(runner.message_hub.get_scalar('train/loss').data[0])
    assert len(losses[1]) >= 2
    np.testing.assert_allclose(losses[1][0], losses[0][0], rtol=0.02)


def test_batches_are_those_of_the_plain_run(market, tmp_path):
    """The same images, crops and flips; no gray level differs by more than 1."""
    plain = build_runner(tiny_config(market, tmp_path / 'plain'))
    device = build_runner(tiny_config(market, tmp_path / 'device', **FRAGMENT))
    assert device.image_sizes == plain.image_sizes
    for one, other in zip(first_batches(plain), first_batches(device), strict=True):
        names = [
            [sample.img_path for sample in batch['data_samples']] for batch in (one, other)
        ]
        assert names[0] == names[1]
        made = [plain.model.data_preprocessor(batch)['inputs'] for batch in (one, other)]
        assert made[0].shape == made[1].shape == other['inputs'].shape
        assert ((made[0] - made[1]).abs() * 255).max() <= 1.001


def test_the_host_does_not_wait(market, tmp_path):
    runner = build_runner(tiny_config(market, tmp_path / 'device', **FRAGMENT))
    preprocessor = runner.model.data_preprocessor
    (batch,) = first_batches(runner, 1)
    expected = preprocessor(batch)['inputs']
    preprocessor._device = CUDA
    with FakeDevice() as device:
        found = preprocessor(batch)['inputs']
    assert found.device == CUDA
    assert torch.equal(found.held, expected)
    assert device.waits == []


def test_the_completed_config(market, tmp_path):
    cfg = tiny_config(market, tmp_path, **FRAGMENT)
    stated = cfg.train_dataloader.dataset.pipeline
    completed = complete_config(complete_config(cfg))
    loader = completed.train_dataloader
    first, moves, last = loader.dataset.pipeline
    assert (first, last) == (stated[0], stated[-1])
    assert moves == dict(type='PrepareOnDevice', transforms=stated[1:-1])
    assert loader.collate_fn == dict(type='msvitreid.collate_unprepared')
    assert completed.test_dataloader == complete_config(cfg).test_dataloader
    assert 'PrepareOnDevice' not in str(completed.test_dataloader)


def test_a_resumed_run_with_another_chain_is_noticed(market, tmp_path):
    from msvitreid.engine.resume.experiment import experiment_options

    for name, changes in (('plain', {}), ('device', FRAGMENT)):
        runner = build_runner(tiny_config(market, tmp_path / name, **changes))
        runner.train_loop  # noqa: B018 - builds the loader
        found = experiment_options(runner).values
        assert ('prepare_on_device' in found) == bool(changes)


@pytest.mark.parametrize(
    'pipeline', [[], [dict(type='LoadImage')], [dict(type='LoadImage')] * 2]
)
def test_a_pipeline_without_packing(pipeline):
    loader = dict(batch_size=2, dataset=dict(type='Market1501', pipeline=pipeline))
    with pytest.raises(ConfigError, match=r'prepare_on_device: train_dataloader\.dataset'):
        complete_config(Config(dict(train_dataloader=loader, **FRAGMENT)))


def test_the_switch_is_true_or_false(market, tmp_path):
    with pytest.raises(ConfigError, match='prepare_on_device'):
        build_runner(tiny_config(market, tmp_path, prepare_on_device='cuda'))
