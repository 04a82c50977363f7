"""What processes send each other, all of it as tensors: nothing is pickled.

Every function here has to be called by all processes; in a single one it returns what it
was given. ``mmengine.dist`` takes tensors through the GPU where the backend demands it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from mmengine.dist import all_gather, all_reduce, broadcast, get_rank, get_world_size

#: Rows ``start`` to ``stop`` of some arrays.
RowRange = Callable[[int, int], tuple[np.ndarray, ...]]


def gather_rows(rows: np.ndarray) -> list[np.ndarray]:
    """The rows of every rank.

    Args:
        rows: ``(n, ...)``; each rank may have another ``n``, also 0.

    Returns:
        One array a rank.
    """
    tensor = torch.from_numpy(rows)
    counts = [int(count) for count in all_gather(torch.tensor([len(tensor)]))]
    return [part.numpy() for part in _gather_counted(tensor, counts)]


def sum_over_ranks(numbers: np.ndarray) -> np.ndarray:
    """The sum of all ranks' arrays, of one shape and type everywhere."""
    total = torch.from_numpy(numbers).clone()
    all_reduce(total)
    return total.numpy()


def gather_strings(strings: np.ndarray) -> np.ndarray:
    """The strings of all ranks, joined in their order.

    Args:
        strings: ``(n,)``, few of them distinct.
    """
    if get_world_size() == 1:
        return strings
    distinct, codes = np.unique(strings, return_inverse=True)
    text = np.frombuffer(bytearray(json.dumps(distinct.tolist()).encode()), dtype=np.uint8)
    every_distinct = [json.loads(part.tobytes()) for part in gather_rows(text)]
    return np.concatenate(
        [
            np.array(names, dtype=np.str_)[codes]
            for names, codes in zip(every_distinct, gather_rows(codes), strict=True)
        ]
    )


def gather_batches(
    batches: list[torch.Tensor], width: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """The batches of all ranks, one of each at a time.

    Few are in memory at once: ``batches`` is emptied on the way.

    Args:
        batches: ``(n, width)`` float32 tensors; ranks may have different numbers of
            them, also none.
        width: the same on all ranks.

    Yields:
        Where a batch's first row lies among the joined rows of all ranks, and the batch.
    """
    sizes = gather_rows(np.array([len(batch) for batch in batches], dtype=np.int64))
    position = np.cumsum([0, *(size.sum() for size in sizes)])
    for turn in range(max(len(size) for size in sizes)):
        counts = [int(size[turn]) if turn < len(size) else 0 for size in sizes]
        batch = batches.pop(0) if batches else torch.empty(0, width)
        for rank, rows in enumerate(_gather_counted(batch, counts)):
            yield int(position[rank]), rows
            position[rank] += len(rows)


def split_rows(compute: RowRange, count: int, block: int) -> tuple[np.ndarray, ...]:
    """Rows computed by all ranks, each its share, and joined on every rank.

    The :data:`RowSplit` of several processes: shares are of whole blocks, so the
    result has the same bits for every number of processes.

    Args:
        compute: called once, with the range of this rank.
        count: of rows.
        block: a range starts at a multiple of it.
    """
    if get_world_size() == 1:
        return compute(0, count)
    counts = [stop - start for start, stop in pairwise(_bounds(count, block))]
    return tuple(
        torch.cat(_gather_counted(torch.from_numpy(rows), counts)).numpy()
        for rows in compute(*own_share(count, block))
    )


def own_share(count: int, block: int) -> tuple[int, int]:
    """The range of rows that this rank computes, see :func:`split_rows`."""
    bounds, rank = _bounds(count, block), get_rank()
    return bounds[rank], bounds[rank + 1]


def _bounds(count: int, block: int) -> list[int]:
    num_blocks, world_size = -(-count // block), get_world_size()
    return [min(count, num_blocks * i // world_size * block) for i in range(world_size + 1)]


def of_first_rank(figures: dict[str, float]) -> dict[str, float]:
    """The figures of rank 0, on every rank.

    What every rank computes for itself, machines of different make may round differently;
    ranks that disagree on a figure could disagree on when to stop.
    """
    values = torch.tensor(list(figures.values()), dtype=torch.float64)
    broadcast(values)
    return dict(zip(figures, values.tolist(), strict=True))


def _gather_counted(rows: torch.Tensor, counts: list[int]) -> list[torch.Tensor]:
    """The rows of every rank, whose numbers all ranks know."""
    longest = max(counts)
    if not longest:
        return [rows] * len(counts)
    if len(rows) < longest:
        # Collectives want the same shape of every rank.
        padded = rows.new_zeros(longest, *rows.shape[1:])
        padded[: len(rows)] = rows
        rows = padded
    return [part[:count] for part, count in zip(all_gather(rows), counts, strict=True)]
