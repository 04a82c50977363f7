"""Images embedded by the torch net, and how far others agree with that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from msvitreid.datasets.layouts.market_style import MARKET_NAME
from msvitreid.errors import DatasetError
from msvitreid.evaluation.functional import (
    largest_change,
    rank_metrics,
    ranking_agreement,
)
from msvitreid.evaluation.functional.retrieval import TIE
from msvitreid.models.model_description import load_model
from msvitreid.utils.printable import failure

from .image_inputs import image_inputs
from .inferencer import ReIDInferencer
from .torch_net import TorchNet

#: Fewer images have no rankings to speak of.
LEAST_IMAGES = 4
#: The smallest cosine that rounding explains, between an image's embeddings of equal nets.
LEAST_COSINE = 0.9999
BATCH = 32


class Measured(NamedTuple):
    """Embeddings of another way against the reference's.

    Attributes:
        cosine_min: the smallest between an image's two embeddings.
        rankings_changed: images that rank the others in another way.
        overlap_at_10: mean share of the ten nearest that are kept.
        mean_ap: mAP of the images among themselves by the Market rule; ``None`` without
            identities.
        images_per_second: decoding included.
    """

    cosine_min: float
    rankings_changed: int
    overlap_at_10: float
    mean_ap: float | None
    images_per_second: float

    def as_dict(self) -> dict[str, float | None]:
        """For JSON."""
        figures = self._asdict()
        figures['mAP'] = figures.pop('mean_ap')
        return figures

    @property
    def agrees(self) -> bool:
        """Whether it is the same ranking, and the same embeddings but for rounding."""
        return self.rankings_changed == 0 and self.cosine_min >= LEAST_COSINE


class Reference:
    """Images as the torch net embeds them, from files and in batches of 32.

    Similarities that are closer than :attr:`tie` are equal but for rounding: 1e-6, or twice what
    a similarity changes by where torch computes the net in another order: image by image, and
    with the BatchNorm layers apart. Sparse attention makes that more than it is in other nets:
    two keys that nearly tie may change places.

    Args:
        model: a model file.
        images: paths, folders or patterns.

    Attributes:
        paths: images that are compared.
        failed: images that cannot be read or embedded and are left out: path to reason.

    Raises:
        CheckpointError: see :func:`~msvitreid.models.model_description.load_model`.
        DatasetError: a path is missing, or fewer than four images can be embedded.
    """

    def __init__(self, model: str | os.PathLike[str], images: Any) -> None:
        paths = [image.name for image in image_inputs(images)]
        for path in paths:
            if not os.path.isfile(path):
                raise DatasetError(
                    f'{path!r} is no file or folder; give images, folders or patterns of images'
                )
        self.failed: dict[str, str] = {}
        self._require_enough(paths)
        self.inferencer = ReIDInferencer(model, device='cpu')
        # The first batch takes longer.
        self.inferencer.embed(paths[:BATCH], on_error='skip')
        start = time.perf_counter()
        found = self.inferencer.embed(paths, BATCH, on_error='skip', workers=0)
        self.images_per_second = len(found) / (time.perf_counter() - start)
        self.embeddings, self.paths, self.failed = found.embeddings, found.paths, found.failed
        self._require_enough(self.paths)
        plain = ReIDInferencer(TorchNet(*load_model(model)))
        changes = [
            largest_change(self.embeddings, inferencer(self.paths, size, workers=0))
            for inferencer, size in ((self.inferencer, 1), (plain, BATCH))
        ]
        self.tie = max(TIE, 2 * max(changes))
        self._labels = _labels(self.paths)
        self.mean_ap = self._mean_average_precision(self.embeddings)

    def measure(self, embed: Callable[[], np.ndarray]) -> Measured:
        """Compare what ``embed()`` gives for :attr:`paths`, and time it."""
        start = time.perf_counter()
        embeddings = embed()
        seconds = time.perf_counter() - start
        return Measured(
            *ranking_agreement(self.embeddings, embeddings, self.tie),
            self._mean_average_precision(embeddings),
            len(self.paths) / seconds,
        )

    def measure_inferencer(self, inferencer: ReIDInferencer, batch_size: int) -> Measured:
        """Compare another inferencer's embeddings of the same files.

        The time of a first batch, for which runtimes compile the net, does not count.
        """
        inferencer(self.paths[:batch_size], batch_size=batch_size)
        return self.measure(lambda: inferencer(self.paths, batch_size=batch_size, workers=0))

    def _require_enough(self, paths: Sequence[str]) -> None:
        if len(paths) >= LEAST_IMAGES:
            return
        reasons = [failure(*one) for one in self.failed.items()][:1]
        what = f'at least {LEAST_IMAGES} images that can be read are needed to compare rankings'
        raise DatasetError('; '.join([f'{what}, got {len(paths)}', *reasons]))

    def _mean_average_precision(self, embeddings: np.ndarray) -> float | None:
        if self._labels is None:
            return None
        pids, camids = self._labels
        itself = np.arange(len(pids))
        found = rank_metrics(
            embeddings, embeddings, pids, pids, camids, camids, self_index=itself
        )
        return float(found['mAP'])


def _labels(paths: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """Identities and cameras by names such as ``0012_c3_f1.jpg``, if they make a test set."""
    found = [MARKET_NAME.match(os.path.basename(path)) for path in paths]
    labels = [(int(match[1]), int(match[2])) for match in found if match]
    if len(labels) < len(paths):
        return None
    pids, camids = np.array(labels).T
    same = (pids[:, None] == pids) & (camids[:, None] != camids) & (pids >= 0)
    return (pids, camids) if same.any() else None
