"""Whom and where the images of a calibration show, checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from msvitreid.errors import CalibrationError
from msvitreid.utils.checks import is_whole

UNKNOWN = -1


@dataclass(frozen=True)
class PairLabels:
    """Labels of the images of a calibration.

    Attributes:
        identities: ``(N,)`` int64 from 0 on.
        cameras: ``(N,)`` int64, indices of ``camera_names`` or -1.
        camera_names: sorted.
        cross_camera: whether pairs of one identity must be of two known cameras.
        digest: SHA-256 of image names, identities and cameras.
    """

    identities: np.ndarray
    cameras: np.ndarray
    camera_names: tuple[str, ...]
    cross_camera: bool
    digest: str

    @property
    def num_identities(self) -> int:
        """How many identities there are."""
        return int(self.identities.max(initial=-1)) + 1

    def genuine_counts(self) -> np.ndarray:
        """Pairs of each identity that count, int64."""
        if not self.cross_camera:
            return _pairs_within(np.bincount(self.identities))
        known = self.cameras != UNKNOWN
        table = np.zeros((self.num_identities, len(self.camera_names)), np.int64)
        np.add.at(table, (self.identities[known], self.cameras[known]), 1)
        return _pairs_within(table.sum(axis=1)) - _pairs_within(table).sum(axis=1)

    def impostor_count(self) -> int:
        """Pairs of two identities."""
        all_pairs = _pairs_within(np.array([len(self.identities)]))
        return int((all_pairs - _pairs_within(np.bincount(self.identities)).sum())[0])

    def halves(self, seed: int) -> np.ndarray:
        """``(N,)`` which of two random halves of the identities each image is of.

        Identities with genuine pairs are divided equally.
        """
        order = np.random.default_rng(seed).permutation(self.num_identities)
        order = order[np.argsort(self.genuine_counts()[order] == 0, kind='stable')]
        half = np.empty(len(order), np.int64)
        half[order] = np.arange(len(order)) % 2
        return half[self.identities]


def pair_labels(
    pids: Any, camids: Any, names: Sequence[str], genuine: str | None, count: int
) -> PairLabels:
    """Check the labels of ``count`` images.

    Args:
        pids: whole numbers or texts.
        camids: the same; negative numbers, '' and None are unknown cameras. ``None``: all are.
        names: of the images, for the digest; may be empty.
        genuine: ``'cross-camera'``, ``'all'`` or ``None``, which takes the former if any camera
            is known.
        count: of images.

    Raises:
        CalibrationError: not one label for each image, a label that stands for nothing, or
            ``genuine`` has no such value or needs cameras.
    """
    if genuine not in (None, 'cross-camera', 'all'):
        raise CalibrationError(f"genuine must be 'cross-camera' or 'all', got {genuine!r}")
    of_image = _texts(pids, count, 'pids')
    if '' in of_image:
        raise CalibrationError(f'pids[{of_image.index("")}] is empty or negative, no identity')
    of_camera = [''] * count if camids is None else _texts(camids, count, 'camids')
    cameras = tuple(sorted(set(of_camera) - {''}))
    if genuine == 'cross-camera' and not cameras:
        raise CalibrationError("genuine='cross-camera' needs camids, and no camera is known")
    place = {name: index for index, name in enumerate(cameras)}
    return PairLabels(
        np.unique(of_image, return_inverse=True)[1].astype(np.int64),
        np.array([place.get(name, UNKNOWN) for name in of_camera], np.int64),
        cameras,
        bool(cameras) if genuine is None else genuine == 'cross-camera',
        _digest(names, of_image, of_camera),
    )


def _texts(labels: Any, count: int, name: str) -> list[str]:
    """Labels as texts, '' for what is unknown."""
    if isinstance(labels, Tensor | np.ndarray):
        labels = labels.tolist()
    if isinstance(labels, str | bytes) or not hasattr(labels, '__len__'):
        raise CalibrationError(f'{name} must be a list of whole numbers or texts')
    if len(labels) != count:
        raise CalibrationError(f'{name} must be {count:,} labels, got {len(labels):,}')
    texts = []
    for index, label in enumerate(labels):
        if not (label is None or isinstance(label, str) or is_whole(label)):
            raise CalibrationError(
                f'{name}[{index}] must be a whole number or a text, got {label!r:.100}'
            )
        unknown = label is None or (not isinstance(label, str) and label < 0)
        texts.append('' if unknown else str(label))
    return texts


def _digest(names: Sequence[str], pids: Sequence[str], cameras: Sequence[str]) -> str:
    """Of the images in the order of their names below the folder of all of them."""
    try:
        common = os.path.commonpath([os.path.dirname(os.path.abspath(name)) for name in names])
        names = [os.path.relpath(os.path.abspath(name), common) for name in names]
    except ValueError:  # none, or on several drives
        names = list(names)
    sha256 = hashlib.sha256()
    for row in sorted(zip(names or [''] * len(pids), pids, cameras, strict=True)):
        sha256.update(repr(row).encode('utf-8', 'surrogateescape') + b'\0')
    return sha256.hexdigest()


def _pairs_within(counts: np.ndarray) -> np.ndarray:
    return counts * (counts - 1) // 2
