"""Made-up embeddings with the sizes and label counts of real test sets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

WIDTH = 2560
_ROWS = 4096


class Shape(NamedTuple):
    """How large a test set is."""

    queries: int
    gallery: int
    identities: int
    cameras: int

    def __str__(self) -> str:
        return f'{self.queries:,} x {self.gallery:,} x {WIDTH:,}'


SHAPES = {
    'small': Shape(400, 2_000, 80, 6),
    'market': Shape(3_368, 15_913, 750, 6),
    'msmt17': Shape(11_659, 82_161, 3_060, 15),
}


def labels(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Query pids, gallery pids, query camids, gallery camids; a sixth are distractors, pid 0."""
    rng = np.random.default_rng(0)
    query_pids = rng.integers(1, shape.identities + 1, shape.queries)
    gallery_pids = rng.integers(1, shape.identities + 1, shape.gallery)
    gallery_pids[rng.random(shape.gallery) < 1 / 6] = 0
    query_camids = rng.integers(0, shape.cameras, shape.queries)
    return query_pids, gallery_pids, query_camids, rng.integers(0, shape.cameras, shape.gallery)


def features(pids: np.ndarray, seed: int, noise: float = 6.0) -> torch.Tensor:
    """Unit vectors around their identity's; distractors have one each of their own.

    Args:
        pids: ``(N,)``.
        seed: of the noise; the identities' centres are always the same.
        noise: standard deviation over the centres'.
    """
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(
        int(pids.max()) + 1, WIDTH, generator=torch.Generator().manual_seed(0)
    )
    centres[0] = 0
    made = torch.empty(len(pids), WIDTH)
    for start in range(0, len(pids), _ROWS):
        part = made[start : start + _ROWS]
        torch.randn(part.shape, out=part, generator=generator)
        part.mul_(noise).add_(centres[torch.from_numpy(pids[start : start + _ROWS])])
        part.div_(part.norm(dim=1, keepdim=True))
    return made


def exact_features(pids: np.ndarray, seed: int) -> torch.Tensor:
    """The same as multiples of 1/256.

    Inner products of these are exact in float32, in whatever order they are summed, so that
    implementations cannot fall apart over a rounding error at the end of a neighbor list.
    """
    return features(pids, seed, noise=4.0).mul_(256).round_().div_(256)
