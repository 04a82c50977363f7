from __future__ import annotations

from typing import cast

import torch
from mmengine.dist import all_reduce
from mmengine.logging import MMLogger
from mmengine.model import BaseDataPreprocessor
from mmengine.runner import Runner
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .bare_model import bare_model


@torch.no_grad()
def reestimate_bn(runner: Runner) -> None:
    """Re-estimate every BatchNorm's statistics over one more training epoch.

    The net runs in train mode (augmentation, erasing and drop path on) on the epoch after
    the last one. The result is the average of the batches' means and unbiased variances,
    weighted by batch size, over all ranks; frozen layers take part.

    Source: the published runs' treatment of the averaged net.
    """
    model = bare_model(runner)
    loader = runner.train_dataloader
    if hasattr(loader.sampler, 'set_epoch'):
        loader.sampler.set_epoch(runner.max_epochs)
    average = _StatisticsAverage(model)
    model.train()
    preprocess = cast(BaseDataPreprocessor, model.data_preprocessor)
    logger = MMLogger.get_current_instance()
    for i, batch in enumerate(loader):
        with runner.optim_wrapper.optim_context(runner.model):
            data = preprocess(batch, training=True)
            model(data['inputs'], mode='tensor')
        average.add(len(data['inputs']))
        if (i + 1) % 50 == 0:
            logger.info(f'BatchNorm re-estimation: batch {i + 1} of {len(loader)}')
    average.apply()


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
        # Every rank saw its own share of the epoch.
        images = torch.tensor(float(self.total), device=self.buffers[0].device)
        all_reduce(images)
        for buffer, total in zip(self.buffers, self.sums, strict=True):
            all_reduce(total)
            buffer.copy_(total / images)
        for layer, momentum in zip(self.layers, self.momenta, strict=True):
            layer.momentum = momentum
