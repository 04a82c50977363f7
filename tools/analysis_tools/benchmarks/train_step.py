"""A training step: forward, losses, backward and SGD."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from msvitreid.models import ReIDModel
from msvitreid.structures import ReIDDataSample
from tests.plain import net as plain

from .device import Setting, add_device_options
from .nets import images, net_results, published
from .ranges import check_at_least
from .results import Result
from .timing import paired

NAME = 'train-step'
IMAGES_PER_IDENTITY = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device_options(parser)
    parser.add_argument('--archs', nargs='+', choices=['s', 'l'], default=['s'])
    parser.add_argument(
        '--batch-size',
        type=int,
        default=24,
        metavar='N',
        help='a multiple of 4: images come in fours of an identity (default: %(default)s)',
    )


def run(args: argparse.Namespace) -> list[Result]:
    # A triplet needs two identities.
    multiple = IMAGES_PER_IDENTITY
    check_at_least(args, 2 * multiple, 'batch_size', multiple=multiple)
    setting = Setting.of(args)
    return [
        row
        for arch in args.archs
        for row in measure(arch, args.batch_size, setting, args.rounds)
    ]


def measure(arch: str, size: int, setting: Setting, rounds: int) -> list[Result]:
    batch = images(size, setting.device)
    labels = torch.arange(size, device=setting.device) // IMAGES_PER_IDENTITY
    samples = [ReIDDataSample(label=int(label)) for label in labels]

    def own_loss(model: ReIDModel) -> Tensor:
        return model(batch, samples, mode='loss')['loss']

    calls = {
        'plain': stepper(
            net(arch, setting), setting, lambda model: plain.loss(model, batch, labels)
        ),
        'module': stepper(net(arch, setting), setting, own_loss),
        'module, with_cp': stepper(net(arch, setting, with_cp=True), setting, own_loss),
    }
    if setting.device.type == 'cuda':
        triton = net(arch, setting, attention_kernel='triton')
        calls['module, triton'] = stepper(triton, setting, own_loss)
    seconds = paired(calls, rounds)
    memory = {name: setting.peak_memory(call) for name, call in calls.items()}
    return net_results(NAME, arch, size, setting, seconds, memory, limits={})


def net(
    arch: str, setting: Setting, with_cp: bool = False, attention_kernel: str = 'torch'
) -> ReIDModel:
    model = published(arch, 702, attention_kernel).to(setting.device)
    model.backbone.with_cp = with_cp
    return model


def stepper(
    model: ReIDModel, setting: Setting, loss: Callable[[ReIDModel], Tensor]
) -> Callable[[], None]:
    """A function that makes one step of a net with an optimizer of its own."""
    model.train()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(
        weights, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )

    scaler = setting.grad_scaler()

    def step() -> None:
        optimizer.zero_grad()
        with setting.autocast():
            value = loss(model)
        scaler.scale(value).backward()
        scaler.step(optimizer)
        scaler.update()
        setting.wait()

    return step
