"""Images to features: the published nets in evaluation, in float32."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn

from msvitreid.deployment import use_openvino
from msvitreid.models.fused import fuse_for_inference
from tests.plain import net as plain

from .nets import images, net_results, published
from .results import Result
from .timing import paired, peak_memory

NAME = 'forward'

#: Made ones: they tell nothing of accuracy, and the time does not depend on them.
CALIBRATION_IMAGES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
    results = []
    for arch in args.archs:
        for size in args.batch_sizes:
            results += measure(arch, size, args.rounds, args.compile, args.openvino)
    return results


@torch.inference_mode()
def measure(
    arch: str, size: int, rounds: int, compile_too: bool, openvino_too: bool
) -> list[Result]:
    model = published(arch).eval()
    batch = images(size)
    fused = fuse_for_inference(model)
    nets: dict[str, Callable[[Tensor], object]] = {
        'plain': lambda x: plain.features(model, x),
        'module': model,
        'fused': fused,
    }
    if compile_too:
        nets['fused, inductor'] = compiled(fused)
    if openvino_too:
        nets['openvino'] = use_openvino(model)
        nets['openvino int8'] = use_openvino(model, images(CALIBRATION_IMAGES))
    calls = {name: (lambda net=net: net(batch)) for name, net in nets.items()}
    seconds = paired(calls, rounds)
    # A compiler's threads do not survive the fork in which memory is measured.
    memory = {
        name: peak_memory(call)
        for name, call in calls.items()
        if 'inductor' not in name and 'openvino' not in name
    }
    return net_results(NAME, arch, size, seconds, memory)


def compiled(net: nn.Module) -> Callable[[Tensor], object]:
    """Through inductor with the weights as constants."""
    return torch.compile(net, options={'freezing': True}, dynamic=False)
