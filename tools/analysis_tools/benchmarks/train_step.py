"""A training step: forward, losses, backward and SGD, in float32."""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

from msvitreid.models import ReIDModel
from msvitreid.structures import ReIDDataSample
from tests.plain import net as plain

from .nets import images, net_results, published
from .results import Result
from .timing import paired, peak_memory

NAME = 'train-step'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--archs', nargs='+', choices=['s', 'l'], default=['s'])
    parser.add_argument('--batch-size', type=int, default=24, metavar='N')


def run(args: argparse.Namespace) -> list[Result]:
    return [row for arch in args.archs for row in measure(arch, args.batch_size, args.rounds)]


def measure(arch: str, size: int, rounds: int) -> list[Result]:
    batch, labels = images(size), torch.arange(size) // 4
    samples = [ReIDDataSample(label=int(label)) for label in labels]

    def own_loss(model: ReIDModel) -> Tensor:
        return model(batch, samples, mode='loss')['loss']

    calls = {
        'plain': stepper(arch, lambda model: plain.loss(model, batch, labels)),
        'module': stepper(arch, own_loss),
        'module, with_cp': stepper(arch, own_loss, with_cp=True),
    }
    seconds = paired(calls, rounds)
    memory = {name: peak_memory(call) for name, call in calls.items()}
    return net_results(NAME, arch, size, seconds, memory)


def stepper(
    arch: str, loss: Callable[[ReIDModel], Tensor], with_cp: bool = False
) -> Callable[[], None]:
    """A function that makes one step with a net and an optimiser of its own."""
    model = published(arch, num_classes=702).train()
    model.backbone.with_cp = with_cp
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(
        weights, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4
    )

    def step() -> None:
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()

    return step
