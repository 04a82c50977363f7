"""How many threads torch computes with on CPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from msvitreid.utils.cpus import available_cpus

#: Variables by which a user chooses the number of threads.
CHOSEN_BY = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')


@contextmanager
def fitting_threads(loader: Mapping[str, Any] | None) -> Iterator[int]:
    """A block in which torch has as many threads as there are CPUs for it; gives their number.

    Threads that wait for each other on CPUs that are busy take many times as long as one: by
    default torch has one for each CPU, next to the workers that decode images. The number is kept
    where a variable of :data:`CHOSEN_BY` states it, and put back after the block.

    Args:
        loader: config of the data loader that is read meanwhile.
    """
    before = torch.get_num_threads()
    if not any(os.environ.get(name) for name in CHOSEN_BY):
        torch.set_num_threads(min(before, _fitting(loader)))
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


def _fitting(loader: Mapping[str, Any] | None) -> int:
    """CPUs of this process of a run, less those of its workers, and 1 at least."""
    launched = os.environ.get('LOCAL_WORLD_SIZE', '')
    processes = max(1, int(launched)) if launched.isdigit() else 1
    workers = (loader or {}).get('num_workers') or 0
    return max(1, available_cpus() // processes - int(workers))
