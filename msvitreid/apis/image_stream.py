"""Images decoded batch by batch, by worker processes where they are files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import cv2
from mmengine.utils import ProgressBar
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from msvitreid.datasets.loading.seeded_loader import own_worker_warning
from msvitreid.datasets.transforms.image_preparation import ImagePreparation
from msvitreid.errors import DatasetError
from msvitreid.utils.cpus import available_cpus

from .image_inputs import ImageInput, prepare

#: Files for which starting processes takes less time than they save, and most processes.
MANY_FILES = 256
MOST_WORKERS = 4


class Prepared(NamedTuple):
    """An image as the net gets it, ``(3, H, W)`` uint8, or the reason why there is none."""

    name: str
    pixels: Tensor | None
    reason: str = ''


class PreparedImages(Dataset[Prepared]):
    """The images of a list, prepared when they are asked for."""

    def __init__(
        self, images: Sequence[ImageInput], preparation: ImagePreparation, color: str | None
    ) -> None:
        self.images = images
        self.preparation = preparation
        self.color = color

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Prepared:
        return _prepared(self.images[index], self.preparation, self.color)


def batches(
    images: Sequence[ImageInput] | Iterator[ImageInput],
    preparation: ImagePreparation,
    batch_size: int,
    color: str | None,
    workers: int | None = None,
) -> Iterable[list[Prepared]]:
    """Prepared images in batches, in order; an iterator is read no further than a batch ahead.

    Args:
        images: what to prepare.
        preparation: how.
        batch_size: of all batches but the last.
        color: of arrays and tensors.
        workers: processes for a list of files, no more than batches; ``None`` chooses by the
            number of files.
    """
    if isinstance(images, list) and all(isinstance(image.value, str) for image in images):
        count = _worker_count(len(images)) if workers is None else workers
        # More than there are batches would have nothing to do, and each takes memory.
        count = min(count, -(-len(images) // batch_size))
        if count:
            with own_worker_warning():
                return DataLoader(
                    PreparedImages(images, preparation, color),
                    batch_size,
                    num_workers=count,
                    collate_fn=list,
                    worker_init_fn=_one_thread,
                )
    return in_batches((_prepared(one, preparation, color) for one in images), batch_size)


@contextmanager
def progress_bar(shown: bool | None, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr with the time left, or nothing; gives what takes the images done.

    Args:
        shown: ``None`` shows it on a terminal.
        total: 0 if it is not known.
    """
    if shown is None:
        shown = sys.stderr.isatty() and total != 1
    if not shown:
        yield lambda done: None
        return
    bar: Any = ProgressBar(total, file=sys.stderr)
    try:
        yield bar.update
    finally:
        sys.stderr.write('\n')


def in_batches(prepared: Iterable[Prepared], size: int) -> Iterator[list[Prepared]]:
    """Lists of ``size`` images, and the rest; no more are taken than are asked for."""
    left = iter(prepared)
    while batch := list(islice(left, min(size, sys.maxsize))):
        yield batch


def _prepared(image: ImageInput, preparation: ImagePreparation, color: str | None) -> Prepared:
    try:
        return Prepared(image.name, prepare(image, preparation, color))
    except DatasetError as error:
        return Prepared(image.name, None, str(error))


def _worker_count(files: int) -> int:
    if files < MANY_FILES:
        return 0
    return min(MOST_WORKERS, available_cpus())


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
