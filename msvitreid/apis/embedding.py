from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModel
from mmengine.utils import track_iter_progress
from torch import Tensor
from torch.utils.data import DataLoader

from msvitreid.structures import ReIDDataSample


@dataclass(frozen=True)
class EmbeddedImages:
    """Images of one split: unit embeddings ``(N, D)`` float32, paths, pids and camids.

    ``datasets`` are the names of the test sets of a joined dataset, else ''.
    """

    embeddings: Tensor
    img_paths: list[str]
    pids: np.ndarray
    camids: np.ndarray
    datasets: list[str] = field(default_factory=list)

    @classmethod
    def from_samples(cls, samples: Sequence[ReIDDataSample]) -> EmbeddedImages:
        return cls(
            embeddings=torch.stack([sample.embedding for sample in samples]).float().cpu(),
            img_paths=[sample.img_path for sample in samples],
            pids=np.array([sample.pid for sample in samples]),
            camids=np.array([sample.camid for sample in samples]),
            datasets=[sample.get('dataset') or '' for sample in samples],
        )


@torch.no_grad()
def embed_dataset(
    model: BaseModel, loader: DataLoader[Any], progress: bool = True
) -> dict[str, EmbeddedImages]:
    """Embed every image of a test loader.

    Args:
        model: a :class:`ReIDModel`, or any whose ``test_step`` gives data samples an
            ``embedding``.
        loader: of packed images.
        progress: whether to show a progress bar.

    Returns:
        split ('query', 'gallery') to its images, in the loader's order.
    """
    model.eval()
    samples: dict[str, list[ReIDDataSample]] = {}
    for batch in track_iter_progress((loader, len(loader))) if progress else loader:
        for sample in model.test_step(batch):
            samples.setdefault(sample.split, []).append(sample)
    return {split: EmbeddedImages.from_samples(members) for split, members in samples.items()}
