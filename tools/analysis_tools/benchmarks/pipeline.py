"""From JPEG files to a training batch on one core: OpenCV's obvious chain and ours.

The plain chain ends with floats. Ours ends with the bytes that a worker hands over; they
become floats on the training device, which the second of our variants does on this core too.
Ours seeds every image by itself, as training does. Pictures are drawn, not taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, default_collate
from torch import Tensor

from msvitreid.datasets.loading.seeded_loader import seed_everything
from msvitreid.models import ReIDDataPreprocessor
from msvitreid.registry import TRANSFORMS
from tests.plain import pipeline as plain

from .ranges import check_at_least
from .results import Result
from .timing import paired

NAME = 'pipeline'
PADDING = 8


@dataclass(frozen=True)
class Case:
    """Pictures of one size, and what a net takes of them; all in pixels."""

    title: str
    picture: tuple[int, int]
    quality: int
    size: tuple[int, int]
    margin: int

    @property
    def resized(self) -> tuple[int, int]:
        return self.size[0] + self.margin, self.size[1] + self.margin


CASES = (
    Case('person crops, 128x64 to 384x128', (128, 64), 90, (384, 128), 0),
    Case('photos, 375x500 to 224x224', (375, 500), 92, (224, 224), 32),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--images', type=int, default=96, metavar='N', help='in a batch (default: %(default)s)'
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'images')
    # Loading is done by many processes with a thread each.
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    results = []
    for case in CASES:
        with TemporaryDirectory() as folder:
            results += _measure(case, _draw_pictures(case, folder, args.images), args.rounds)
    return results


def _measure(case: Case, paths: Sequence[str], rounds: int) -> list[Result]:
    loaded, kept = _Chain(case, keep=False), _Chain(case, keep=True)
    unit_range = ReIDDataPreprocessor()
    functions: dict[str, Callable[[], object]] = {
        'plain': lambda: _plain_batch(case, paths),
        'ours': lambda: loaded(paths),
        'ours, floats on the CPU': lambda: unit_range(loaded(paths)),
        'ours, kept in memory': lambda: kept(paths),
    }
    file_size = sum(Path(path).stat().st_size for path in paths) / len(paths)
    title = f'{case.title}, {len(paths)} JPEGs of {file_size / 1024:.1f} KiB'
    return [
        Result(
            subject=NAME,
            case=title,
            variant=variant,
            seconds=seconds,
            note=f'{len(paths) / median(seconds):,.0f} images/s a core',
        )
        for variant, seconds in paired(functions, rounds).items()
    ]


class _Chain:
    """The published training transforms of a case, and the collating."""

    def __init__(self, case: Case, keep: bool) -> None:
        first: list[dict[str, Any]] = [
            {'type': 'LoadImage'},
            {'type': 'Resize', 'scale': case.resized[::-1]},
        ]
        if keep:
            first = [{'type': 'KeepInMemory', 'transforms': first, 'size': case.resized}]
        crops: list[dict[str, Any]] = [{}] if case.margin else []
        chain = [
            *first,
            *(
                {'type': 'RandomCrop', 'size': case.size, **crop}
                for crop in (*crops, {'padding': PADDING})
            ),
            {'type': 'RandomFlip', 'prob': 0.5},
            {'type': 'PackReIDInputs'},
        ]
        self.transforms = Compose([TRANSFORMS.build(transform) for transform in chain])

    def __call__(self, paths: Sequence[str]) -> dict[str, Any]:
        return default_collate([self._load(i, path) for i, path in enumerate(paths)])

    def _load(self, index: int, path: str) -> dict[str, Any]:
        seed_everything((0, 0, 0, index, 0))
        entry = {'pid': 0, 'camid': 0, 'label': 0, 'split': 'train'}
        return self.transforms({'img_path': path, 'sample_idx': index, **entry})


def _plain_batch(case: Case, paths: Sequence[str]) -> Tensor:
    if case.margin:
        return plain.fine_grained_batch(paths, case.size, case.margin, PADDING)
    return plain.person_batch(paths, case.size, PADDING)


def _draw_pictures(case: Case, folder: str, count: int) -> list[str]:
    """Clouds of all sizes and some grain, for files about as long as those of photographs."""
    paths = []
    height, width = case.picture
    for number in range(count):
        draw = np.random.default_rng([number, height])
        picture = draw.normal(128, 3, (height, width, 3))
        for cells in (4, 8, 16, 32, 64):
            shape = max(2, height * cells // 128), max(2, width * cells // 128), 3
            clouds = draw.normal(0, 40 * (4 / cells) ** 0.7, shape)
            picture += cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
        paths.append(f'{folder}/{number:04d}.jpg')
        pixels = picture.clip(0, 255).astype(np.uint8)
        cv2.imwrite(paths[-1], pixels, [cv2.IMWRITE_JPEG_QUALITY, case.quality])
    return paths
