"""Forward passes and training steps of the nets."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.device import Setting
from benchmarks.nets import images, published
from benchmarks.results import Result
from benchmarks.train_step import IMAGES_PER_IDENTITY, stepper
from msvitreid.deployment import fuse_for_inference
from msvitreid.models import ReIDModel
from msvitreid.models.complexity import LayerBytes, least_bytes
from msvitreid.models.kernels import use_grouped_conv_kernel
from msvitreid.structures import ReIDDataSample
from tests.plain import net as plain

from .job import Job
from .sizes import Sizes
from .timed import memory_of, setting_of, timed

IDENTITIES = 751
_NETS: dict[tuple[str, bool], ReIDModel] = {}
_LAYERS: dict[tuple[str, int, bool], list[LayerBytes]] = {}


def net(
    sizes: Sizes, arch: str, num_classes: int | None = None, kernels: bool = False
) -> ReIDModel:
    """A net on the device, computed by our kernels where that is asked for.

    Nets that are not trained are kept for the next job.
    """
    key = arch, kernels
    if num_classes is None and key in _NETS:
        return _NETS[key]
    attention = 'triton' if kernels else 'torch'
    model = published(sizes.archs[arch], num_classes, attention, sizes.split)
    if kernels:
        require_kernels(sizes)
        assert use_grouped_conv_kernel(model) > 0
    model = model.to(sizes.device)
    if num_classes is None:
        _NETS[key] = model
    return model


def require_kernels(sizes: Sizes) -> None:
    """Say what is missing before a net is compiled or timed without its kernels."""
    if not sizes.emulated:
        import triton  # noqa: F401


def moved(sizes: Sizes, arch: str, batch: int, amp: bool, train: bool = False) -> float:
    """Seconds in which the device could move what the layers read and write.

    A backward pass reads the gradient of each output, the inputs and the weights, and writes the
    gradients of both: together with the forward pass inputs and weights three times, outputs twice.
    """
    key = arch, batch, amp
    if key not in _LAYERS:
        model = published(sizes.archs[arch], split_size=sizes.split)
        _LAYERS[key] = least_bytes(model, sizes.image, batch, 2 if amp else 4)
    inputs, outputs = (3, 2) if train else (1, 1)
    total = sum(inputs * (x.read + x.weights) + outputs * x.written for x in _LAYERS[key])
    return total / sizes.bandwidth


def forward(
    sizes: Sizes, job: Job, arch: str, batch: int, precision: str, by: str
) -> list[Result]:
    """Features of a batch of images, in evaluation."""
    setting = setting_of(sizes, precision)
    pictures = images(batch, sizes.device, sizes.image)
    call = forward_call(sizes, setting, arch, by, pictures)
    seconds = timed(call, sizes, setting)
    # What graphs have taken before is kept for them.
    memory = memory_of(call, sizes, setting) if ',' not in by else None
    return [
        job.result(
            seconds,
            memory_mib=memory,
            limit_seconds=moved(sizes, arch, batch, setting.amp),
            note=f'{batch / median(seconds):,.1f} images/s',
        )
    ]


def forward_call(
    sizes: Sizes, setting: Setting, arch: str, by: str, pictures: Tensor
) -> Callable[[], object]:
    """A forward pass by a variant: what the net is, and after a comma how it is started."""
    kind, _, started = by.partition(', ')
    model = net(sizes, arch, kernels=kind == 'kernels').eval()
    call_net: Callable[[Tensor], object] = model
    if kind == 'plain':
        call_net = lambda x: plain.features(model, x)  # noqa: E731
    elif kind != 'module':
        call_net = fuse_for_inference(model)
    if started == 'compiled':
        call_net = compiled(call_net, sizes)

    def call() -> object:
        with torch.inference_mode(), setting.autocast():
            return call_net(pictures)

    return graphed(call, sizes) if started == 'CUDA graph' else call


def compiled(call: Any, sizes: Sizes) -> Callable[[Tensor], object]:
    """By inductor with CUDA graphs; the emulation only traces."""
    if sizes.emulated:
        return torch.compile(call, backend='eager', dynamic=False)
    return torch.compile(call, mode='reduce-overhead', dynamic=False)


def graphed(call: Callable[[], object], sizes: Sizes) -> Callable[[], object]:
    """All of a call's kernels, started at once; the emulation calls."""
    if sizes.emulated:
        return call
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = call()

    def replay() -> object:
        graph.replay()
        return kept

    return replay


def train_step(
    sizes: Sizes, job: Job, arch: str, batch: int, precision: str, by: str
) -> list[Result]:
    """Forward, losses, backward and SGD."""
    setting = setting_of(sizes, precision)
    step = step_call(sizes, setting, arch, by, batch)
    seconds = timed(step, sizes, setting)
    return [
        job.result(
            seconds,
            memory_mib=memory_of(step, sizes, setting),
            limit_seconds=moved(sizes, arch, batch, setting.amp, train=True),
            note=f'{batch / median(seconds):,.1f} images/s',
        )
    ]


def step_call(
    sizes: Sizes, setting: Setting, arch: str, by: str, batch: int
) -> Callable[[], None]:
    """A training step by a variant."""
    pictures = images(batch, sizes.device, sizes.image)
    # A triplet needs two identities.
    each = min(IMAGES_PER_IDENTITY, batch // 2)
    labels = torch.arange(batch, device=sizes.device) // each
    samples = [ReIDDataSample(label=i // each) for i in range(batch)]
    model = net(sizes, arch, IDENTITIES, kernels=by == 'kernels')
    if by == 'compiled':
        backbone: nn.Module = model.backbone
        backbone.compile(**({'backend': 'eager'} if sizes.emulated else {}))

    def loss(model: ReIDModel) -> Tensor:
        if by == 'plain':
            return plain.loss(model, pictures, labels)
        return model(pictures, samples, mode='loss')['loss']

    return stepper(model, setting, loss)
