from __future__ import annotations

import copy
from typing import Any, cast

import torch
from mmengine.dist import is_distributed
from mmengine.model import BaseDataPreprocessor
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.engine.distributed.sync_batch_norm import synchronize_bn
from msvitreid.engine.distributed.unwrap_model import bare_model


@torch.no_grad()
def reestimate_bn(runner: Runner) -> None:
    """Re-estimate every BatchNorm's statistics over one more training epoch.

    The net runs in train mode (augmentation, erasing and drop path on) on the epoch after
    the last one. The result is the average of the batches' means and unbiased variances,
    weighted by batch size; frozen layers take part. A batch is that of all ranks together,
    so the result does not depend on how many they are.

    Source: the published runs' treatment of the averaged net.
    """
    model = bare_model(runner)
    net = synchronize_bn(copy.deepcopy(model)) if is_distributed() else model
    loader = runner.train_dataloader
    _set_epoch(loader.batch_sampler, runner.epoch)
    average = _StatisticsAverage(net)
    net.train()
    preprocess = cast(BaseDataPreprocessor, net.data_preprocessor)
    for i, batch in enumerate(loader):
        runner.call_hook('before_bn_iter', batch_idx=i)
        with runner.optim_wrapper.optim_context(runner.model):
            data = preprocess(batch, training=True)
            net(data['inputs'], mode='tensor')
        average.add(len(data['inputs']))
        if (i + 1) % 50 == 0:
            runner.logger.info(f'BatchNorm re-estimation: batch {i + 1} of {len(loader)}')
        runner.call_hook('after_bn_iter', batch_idx=i, data_batch=batch)
    average.apply()
    for buffer, estimated in zip(model.buffers(), net.buffers(), strict=True):
        buffer.copy_(estimated)


def _set_epoch(batches: Any, epoch: int) -> None:
    """Choose a loader's epoch, as our loop or mmengine's ``DistSamplerSeedHook`` does."""
    own: Any = batches if hasattr(batches, 'set_epoch') else batches.sampler
    if hasattr(own, 'set_epoch'):
        own.set_epoch(epoch)


class _StatisticsAverage:
    """Collects batch statistics, which momentum 1 leaves in the running buffers."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
        self.momenta = [layer.momentum for layer in self.layers]
        self.buffers = [
            buffer
            for layer in self.layers
            for buffer in (layer.running_mean, layer.running_var)
            if buffer is not None
        ]
        self.sums = [torch.zeros_like(buffer) for buffer in self.buffers]
        self.total = 0
        for layer in self.layers:
            layer.momentum = 1.0

    def add(self, size: int) -> None:
        self.total += size
        for buffer, total in zip(self.buffers, self.sums, strict=True):
            total.add_(buffer, alpha=size)

    def apply(self) -> None:
        for buffer, total in zip(self.buffers, self.sums, strict=True):
            buffer.copy_(total / self.total)
        for layer, momentum in zip(self.layers, self.momenta, strict=True):
            layer.momentum = momentum
