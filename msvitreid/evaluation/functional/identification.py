"""Identification: whom in a gallery an image shows, or that it is nobody there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .inputs import Labels, as_labels, as_topk


class Searches(NamedTuple):
    """What searches of a gallery found.

    Attributes:
        new: ``(U,)`` highest similarity of each search whose identity is not in the gallery.
        mates: ``(K,)`` highest similarity to their own identity of the other searches.
        ranks: ``(K,)`` int64, 1 + images of other identities that are more similar than that,
            or equal.
    """

    new: np.ndarray
    mates: np.ndarray
    ranks: np.ndarray

    def fpir(self, threshold: float) -> float:
        """False positive identification rate: share of ``new`` that find an image."""
        return _share(self.new >= threshold)

    def tpir(self, threshold: float, rank: int = 1) -> float:
        """True positive identification rate: share of the others that find their identity.

        An image of it must be among the first ``rank`` and at least ``threshold`` similar.
        """
        return _share((self.mates >= threshold) & (self.ranks <= rank))

    def fnir(self, threshold: float, rank: int = 1) -> float:
        """False negative identification rate, ``1 - tpir``."""
        return 1 - self.tpir(threshold, rank)

    def threshold_of_fpir(self, fpir: float) -> float:
        """The lowest threshold whose FPIR is not above ``fpir``; above all if ``U`` is 0."""
        allowed = int(fpir * len(self.new) + 1e-9)
        if allowed >= len(self.new):
            return -1.0
        first_refused = np.sort(self.new)[::-1][allowed]
        return float(np.nextafter(np.float32(first_refused), np.float32(np.inf)))


def search_outcomes(
    similarity: np.ndarray,
    query_pids: Labels,
    gallery_pids: Labels,
    ignored: np.ndarray | None = None,
) -> Searches:
    """Compare what searches found with the truth.

    Args:
        similarity: ``(Q, G)`` float.
        query_pids: ``(Q,)``.
        gallery_pids: ``(G,)``.
        ignored: ``(Q, G)`` bool, gallery images that a query must not find, such as those of
            its own camera; ``None`` for none. A query all of whose mates are ignored is left
            out, as its identity is in the gallery, and cannot be found.

    Raises:
        ValueError: shapes disagree, the gallery is empty or a similarity is not finite.
    """
    values = np.asarray(similarity, dtype=np.float32)
    if values.ndim != 2 or not values.shape[1] or not np.isfinite(values).all():
        raise ValueError(
            f'similarity must be finite (Q, G) numbers of a gallery with images, got shape '
            f'{values.shape}'
        )
    queries = as_labels(query_pids, values.shape[0], 'query_pids')
    gallery = as_labels(gallery_pids, values.shape[1], 'gallery_pids')
    same = queries[:, None] == gallery
    is_new = ~same.any(axis=1)
    if ignored is not None:
        hidden = np.asarray(ignored)
        if hidden.shape != values.shape or hidden.dtype != bool:
            raise ValueError(f'ignored must be {values.shape} booleans, got {hidden.shape}')
        values = np.where(hidden, np.float32(-2), values)
        same &= ~hidden
    known = same.any(axis=1)
    mates = np.where(same, values, -2)[known].max(axis=1, initial=-2)
    others = np.where(same, np.float32(-2), values)[known]
    ranks = 1 + (others >= mates[:, None]).sum(axis=1)
    return Searches(values[is_new].max(axis=1, initial=-2), mates, ranks)


def identification_metrics(
    similarity: np.ndarray,
    query_pids: Labels,
    gallery_pids: Labels,
    threshold: float,
    topk: Sequence[int] = (1, 5),
    ignored: np.ndarray | None = None,
) -> dict[str, float]:
    """Rates of an open-set identification.

    Args:
        threshold: similarity from which an image counts as found.
        topk: ranks of TPIR.

    The other arguments are those of :func:`search_outcomes`.

    Returns:
        ``FPIR``; ``TPIR@<k>`` for every k, and ``FNIR``, which is 1 - TPIR at the first of
        them; NaN where there is no search of the kind. ``num_new`` and ``num_known``, the
        numbers of searches whose identity is not, or is, in the gallery.

    Raises:
        ValueError: see :func:`search_outcomes`; or ``topk`` is no list of ranks.
    """
    ranks = as_topk(topk)
    found = search_outcomes(similarity, query_pids, gallery_pids, ignored)
    return {
        'FPIR': found.fpir(threshold),
        'FNIR': found.fnir(threshold, ranks[0]),
        **{f'TPIR@{rank}': found.tpir(threshold, rank) for rank in ranks},
        'num_new': len(found.new),
        'num_known': len(found.mates),
    }


def fpir_of_fmr(fmr: float, size: int) -> float:
    """FPIR of a gallery of ``size`` images if its comparisons were independent.

    ``1 - (1 - fmr) ** size``. Comparisons are not independent: images of one identity resemble
    each other, and some searches have many look-alikes, others none. Both lower the rate, so
    that this is a bound in practice.
    """
    return float(-np.expm1(size * np.log1p(-fmr))) if fmr < 1 else 1.0


def fmr_of_fpir(fpir: float, size: int) -> float:
    """The inverse of :func:`fpir_of_fmr`."""
    return float(-np.expm1(np.log1p(-fpir) / size)) if fpir < 1 else 1.0


def _share(chosen: np.ndarray) -> float:
    return float(chosen.mean()) if len(chosen) else float('nan')
