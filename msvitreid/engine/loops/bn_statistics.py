from __future__ import annotations

import copy
from typing import Any, cast

import torch
from mmengine.dist import all_reduce, is_distributed
from mmengine.model import BaseDataPreprocessor, convert_sync_batchnorm
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.engine.distributed.unwrap_model import unwrap_model


@torch.no_grad()
def reestimate_bn(runner: Runner) -> None:
    """Re-estimate every BatchNorm's statistics over one more training epoch.

    The net runs in train mode (augmentation, erasing and drop path on) on the epoch after
    the last one. The result is the average of the batches' means and unbiased variances,
    weighted by batch size; frozen layers take part. On several GPUs a batch is that of all
    ranks together, so the result does not depend on how many they are; processes on the CPU
    average the statistics of their own batches.

    torch's ``update_bn`` weights batches equally and gives the net a batch as it is loaded,
    without preprocessor and precision.

    Source: the published runs' treatment of the averaged net.
    """
    model = net = unwrap_model(runner)
    if is_distributed() and torch.cuda.is_available():
        net = convert_sync_batchnorm(copy.deepcopy(model))
    loader = runner.train_dataloader
    _set_epoch(loader.batch_sampler, runner.epoch)
    momenta = {m: m.momentum for m in net.modules() if isinstance(m, _BatchNorm)}
    preprocess = cast(BaseDataPreprocessor, net.data_preprocessor)
    total = 0
    net.train()
    for i, batch in enumerate(loader):
        runner.call_hook('before_bn_iter', batch_idx=i)
        with runner.optim_wrapper.optim_context(runner.model):
            inputs = preprocess(batch, training=True)['inputs']
            total += len(inputs)
            for layer in momenta:
                # The share of this batch, which makes running statistics their mean so far.
                layer.momentum = len(inputs) / total
            net(inputs, mode='tensor')
        if (i + 1) % 50 == 0:
            runner.logger.info(f'BatchNorm re-estimation: batch {i + 1} of {len(loader)}')
        runner.call_hook('after_bn_iter', batch_idx=i, data_batch=batch)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
        for buffer in (layer.running_mean, layer.running_var):
            if buffer is not None:
                all_reduce(buffer, 'mean')
    for buffer, estimated in zip(model.buffers(), net.buffers(), strict=True):
        buffer.copy_(estimated)


def _set_epoch(batches: Any, epoch: int) -> None:
    """Choose a loader's epoch, as our loop or mmengine's ``DistSamplerSeedHook`` does."""
    own: Any = batches if hasattr(batches, 'set_epoch') else batches.sampler
    if hasattr(own, 'set_epoch'):
        own.set_epoch(epoch)
