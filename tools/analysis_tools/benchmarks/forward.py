"""Images to features: the published nets in evaluation.

The limit is the time in which the device can move what the net's layers read and write.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from msvitreid.deployment import use_openvino
from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.errors import ConfigError
from tests.plain import net as plain

from .bandwidth import copy_bandwidth, moved_bytes
from .device import Setting, add_device_options
from .nets import images, net_results, published
from .ranges import check_at_least
from .results import Result
from .timing import paired

NAME = 'forward'

#: Made ones: they say nothing of accuracy, and the time does not depend on them.
CALIBRATION_IMAGES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_options(parser)
    parser.add_argument('--archs', nargs='+', choices=['s', 'l'], default=['s', 'l'])
    parser.add_argument('--batch-sizes', nargs='+', type=int, default=[1, 32], metavar='N')
    parser.add_argument(
        '--compile', action='store_true', help='torch.compile as well; takes minutes first'
    )
    parser.add_argument(
        '--openvino',
        action='store_true',
        help='OpenVINO in float32 and in int8 as well; takes minutes first',
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'batch_sizes')
    setting = Setting.of(args)
    if args.openvino and (setting.amp or setting.device.type != 'cpu'):
        raise ConfigError('--openvino is measured on the CPU, leave out --device and --amp')
    bandwidth = copy_bandwidth(setting)
    results = []
    for arch in args.archs:
        for size in args.batch_sizes:
            results += measure(
                arch, size, setting, bandwidth, args.rounds, args.compile, args.openvino
            )
    return results


@torch.inference_mode()
def measure(
    arch: str,
    size: int,
    setting: Setting,
    bandwidth: float,
    rounds: int,
    compile_too: bool,
    openvino_too: bool,
) -> list[Result]:
    model = published(arch).eval().to(setting.device)
    batch = images(size, setting.device)
    fused = fuse_for_inference(model)
    nets: dict[str, Callable[[Tensor], object]] = {
        'plain': lambda x: plain.features(model, x),
        'module': model,
        'fused': fused,
    }
    if setting.device.type == 'cuda':
        triton = published(arch, attention_kernel='triton').eval().to(setting.device)
        nets['fused, triton'] = fuse_for_inference(triton)
    if compile_too:
        nets['fused, inductor'] = compiled(fused)
    if openvino_too:
        nets['openvino'] = use_openvino(model)
        nets['openvino int8'] = use_openvino(model, images(CALIBRATION_IMAGES))

    def call(net: Callable[[Tensor], object]) -> None:
        with setting.autocast():
            net(batch)
        setting.wait()

    calls = {name: partial(call, net) for name, net in nets.items()}
    seconds = paired(calls, rounds)
    # A compiler's threads do not survive the fork in which memory is measured.
    memory = {
        name: setting.peak_memory(function)
        for name, function in calls.items()
        if 'inductor' not in name and 'openvino' not in name
    }
    limit = moved_bytes(model, batch, setting) / bandwidth
    # Bytes in place of floats move faster.
    limits = {name: limit for name in nets if 'int8' not in name}
    return net_results(NAME, arch, size, setting, seconds, memory, limits)


def compiled(net: nn.Module) -> Callable[[Tensor], object]:
    """Through inductor with the weights as constants."""
    return torch.compile(net, options={'freezing': True}, dynamic=False)
