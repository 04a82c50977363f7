"""Whether two ways of computing a net give one ranking."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .similarity import QUERY_CHUNK

#: Similarities that are closer are equal but for the rounding of float32.
TIE = 1e-6


class Agreement(NamedTuple):
    """How far embeddings agree with a reference.

    Attributes:
        cosine_min: the smallest cosine between an image's two embeddings.
        rankings_changed: images whose ranking of all others is another one.
        overlap_at_10: mean share of the reference's ten nearest images that are kept.
    """

    cosine_min: float
    rankings_changed: int
    overlap_at_10: float


def ranking_agreement(
    reference: np.ndarray, embeddings: np.ndarray, tie: float = TIE
) -> Agreement:
    """Compare the rankings of each image against all others.

    Two images may change places if their similarities in the reference differ by at most
    ``tie``; that is no other ranking.

    Args:
        reference: ``(N, D)`` unit embeddings, at least two.
        embeddings: the same images' computed in another way.
        tie: of the reference's similarities.
    """
    first, second = _as_pair(reference, embeddings)
    count, nearest = len(first), min(10, len(first) - 1)
    changed, kept = 0, 0.0
    for start in range(0, count, QUERY_CHUNK):
        rows = np.arange(start, min(start + QUERY_CHUNK, count))
        before, after = first[rows] @ first.T, second[rows] @ second.T
        # An image itself is no part of its ranking: put first, and cut off.
        before[np.arange(len(rows)), rows] = after[np.arange(len(rows)), rows] = np.inf
        order = np.argsort(-after, axis=1, kind='stable')[:, 1:]
        ranked = np.take_along_axis(before, order, axis=1)
        best_later = np.maximum.accumulate(ranked[:, ::-1], axis=1)[:, ::-1]
        changed += int((best_later - ranked > tie).any(axis=1).sum())
        wanted = np.argsort(-before, axis=1, kind='stable')[:, 1 : nearest + 1]
        for one, other in zip(wanted, order[:, :nearest], strict=True):
            kept += len(np.intersect1d(one, other)) / nearest
    cosines = (first * second).sum(axis=1)
    return Agreement(float(cosines.min()), changed, kept / count)


def largest_change(reference: np.ndarray, embeddings: np.ndarray) -> float:
    """The largest difference between two images' similarities ``(N, D)`` computed in two ways."""
    first, second = _as_pair(reference, embeddings)
    largest = 0.0
    for start in range(0, len(first), QUERY_CHUNK):
        rows = slice(start, start + QUERY_CHUNK)
        change = np.abs(first[rows] @ first.T - second[rows] @ second.T)
        largest = max(largest, float(change.max()))
    return largest


def _as_pair(reference: np.ndarray, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if reference.shape != embeddings.shape or reference.ndim != 2 or len(reference) < 2:
        raise ValueError(
            'two arrays (N, D) of at least two images can be compared, got '
            f'{reference.shape} and {embeddings.shape}'
        )
    # The products must not add a rounding of their own.
    return _unit(reference), _unit(embeddings)


def _unit(embeddings: np.ndarray) -> np.ndarray:
    exact = embeddings.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)
