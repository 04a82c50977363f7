from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from msvitreid.checkpoints import are_finite, read_checkpoint
from msvitreid.checkpoints.checkpoint_names import saved_checkpoints
from msvitreid.errors import CheckpointError

#: The log may hold a loss that was not finite and did no harm; the rest must be finite.
NOT_NUMBERS_OF_THE_NET = ('meta', 'message_hub')


def last_good_checkpoint(
    work_dir: str | os.PathLike[str], epoch: int, batch: int
) -> Path | None:
    """The checkpoint of a run that got farthest before a step, if its numbers are finite.

    Args:
        work_dir: the run's, with ``epoch_3.pth`` and ``epoch_3_batch_20.pth``.
        epoch, batch: whole epochs, and batches of the next one, that lay before the step.

    Returns:
        The newest file whose tensors are all finite; ``None`` if there is none. Files that
        cannot be read are passed over.
    """
    for checkpoint in reversed(saved_checkpoints(work_dir)):
        if (checkpoint.epoch, checkpoint.batch) <= (epoch, batch) and _is_good(checkpoint.path):
            return checkpoint.path
    return None


def _is_good(path: Path) -> bool:
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError:
        return False
    numbers = {k: v for k, v in checkpoint.items() if k not in NOT_NUMBERS_OF_THE_NET}
    return all(are_finite(tensor) for tensor in _tensors(numbers))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
