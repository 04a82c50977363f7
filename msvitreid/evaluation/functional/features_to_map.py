"""CMC, mAP and mINP of features under the Market rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from .bootstrap import bootstrap_intervals, check_resamples
from .inputs import Array, Labels, as_feature_pair, as_labels, as_topk
from .market_rule import MarketRule
from .similarities_to_map import (
    check_ap_definition,
    check_extra_measures,
    figures,
    query_values,
    rank_matches,
    rank_metrics_from_rows,
)
from .similarity import QUERY_CHUNK, product_rows
from .streamed_matches import FeatureFile, is_in_memory, rank_streamed_matches


def rank_metrics(
    query_features: Array,
    gallery_features: Array | FeatureFile,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels | None = None,
    gallery_camids: Labels | None = None,
    ap: str = 'trapezoid',
    topk: Sequence[int] = (1, 5, 10),
    query_chunk: int = QUERY_CHUNK,
    per_query: bool = False,
    self_index: Labels | None = None,
    extra: Sequence[str] = (),
) -> dict[str, Any]:
    """Rank the gallery for every query and score the rankings.

    Similarity is the inner product of the features as given, in float32: L2-
    normalize them first for cosine similarity. Of equally similar images the one
    of lower gallery index ranks first. Left out of a query's ranking: gallery
    images of its identity from its own camera (camera -1, or no cameras at all:
    none is left out), and junk, gallery images of pid -1.

    Memory: the features and ``query_chunk`` rows of similarities, twice. A gallery that
    is no array in memory, such as an ``np.memmap``, is read in blocks and never held whole;
    see :func:`rank_streamed_matches`.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.
        query_pids: ``(Q,)`` identities.
        gallery_pids: ``(G,)`` identities.
        query_camids: ``(Q,)`` cameras, or None.
        gallery_camids: ``(G,)`` cameras, or None; both or neither.
        ap: average precision, ``'trapezoid'`` (the published figures') or
            ``'plain'``; see :func:`precision_at_hits`.
        topk: the k of the ``rank-k`` values.
        query_chunk: queries handled at once; does not change the result.
        per_query: also give each query's AP.
        self_index: ``(Q,)`` gallery index of each query's own image, which its ranking leaves
            out, -1 where it has none: for test sets whose queries are in the gallery.
        extra: further figures, any of ``'precision'`` (``precision@k`` for every k),
            ``'R-precision'``, ``'MAP@R'`` and ``'MRR'``; see :func:`extra_values`.

    Returns:
        ``mAP``; ``mINP``, the mean of matches / rank of the last match; ``rank-k``
        for every k, the share of queries with a match in the first k. All floats
        in [0, 1], means over the queries that have a match left (NaN if none has).
        ``num_queries``, all of them, and ``num_unmatched``, those without a match
        left, are ints. With ``per_query`` also ``AP``, ``(Q,)`` float64, NaN for
        queries without a match.

    Raises:
        ValueError: shapes disagree, a feature or a similarity is not finite, an argument is
            of a wrong kind, ``topk`` is not a list of whole numbers from 1 on, or an unknown
            ``ap``.
    """
    check_ap_definition(ap)
    topk = as_topk(topk)
    extra = check_extra_measures(extra)
    labels = query_pids, gallery_pids, query_camids, gallery_camids
    if not is_in_memory(gallery_features):
        ranked = rank_streamed_matches(
            query_features, gallery_features, *labels, query_chunk, self_index=self_index
        )
        return figures(ranked, ap, topk, per_query, extra)
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(*labels, self_index)
    rule.check_shape(len(query), len(gallery))
    rows = product_rows(query, gallery)
    return rank_metrics_from_rows(rows, rule, ap, topk, query_chunk, per_query, extra)


class CameraPairs(NamedTuple):
    """Figures of ``A`` query cameras by ``B`` gallery cameras.

    Attributes:
        query_cameras: ``(A,)`` ascending.
        gallery_cameras: ``(B,)`` ascending.
        figures: by name, ``mAP``, ``mINP`` and ``rank-k``, ``(A, B)`` float64, NaN where no
            query has a match.
        num_matched: ``(A, B)`` int64 queries with a match, which the figures are means over.
        intervals: by name, ``(A, B, 2)`` float64, ends of the figures' intervals; empty if none
            were asked for.
    """

    query_cameras: np.ndarray
    gallery_cameras: np.ndarray
    figures: dict[str, np.ndarray]
    num_matched: np.ndarray
    intervals: dict[str, np.ndarray]


def camera_pair_metrics(
    query_features: Array,
    gallery_features: Array,
    query_pids: Labels,
    gallery_pids: Labels,
    query_camids: Labels,
    gallery_camids: Labels,
    ap: str = 'trapezoid',
    topk: Sequence[int] = (1, 5, 10),
    query_chunk: int = QUERY_CHUNK,
    self_index: Labels | None = None,
    resamples: int = 0,
    seed: int = 0,
) -> CameraPairs:
    """Rank the images of each gallery camera by itself for the queries of each camera.

    Figures of a pair are easier than those of the whole gallery, which holds more images that
    may come before a match; compare them with each other. Under the Market rule no query has a
    match by its own camera.

    Args:
        resamples: if above 0, also give 95 % intervals over identities, by
            :func:`bootstrap_intervals` of each pair by itself: drawn are the identities of its
            queries with a match, and the gallery stays as it is.
        seed: of the draws.

    The other arguments and errors are those of :func:`rank_metrics`.
    """
    topk = as_topk(topk)
    if resamples:
        check_resamples(resamples, seed)
    query, gallery = as_feature_pair(query_features, gallery_features)
    labels = query_pids, gallery_pids, query_camids, gallery_camids
    MarketRule(*labels, self_index).check_shape(len(query), len(gallery))
    of_query = as_labels(query_pids, len(query), 'query_pids')
    of_gallery = as_labels(gallery_pids, len(gallery), 'gallery_pids')
    cameras = as_labels(gallery_camids, len(gallery), 'gallery_camids')
    query_cameras, row = np.unique(
        as_labels(query_camids, len(query), 'query_camids'), return_inverse=True
    )
    gallery_cameras = np.unique(cameras)
    shape = len(query_cameras), len(gallery_cameras)
    num_matched = np.zeros(shape, dtype=np.int64)
    figures: dict[str, np.ndarray] = {}
    intervals: dict[str, np.ndarray] = {}
    for column, camera in enumerate(gallery_cameras):
        chosen = np.flatnonzero(cameras == camera)
        itself = None
        if self_index is not None:
            # Where each query's own image is among the chosen.
            places = np.full(len(gallery) + 1, -1)
            places[chosen] = np.arange(len(chosen))
            itself = places[as_labels(self_index, len(query), 'self_index')]
        rule = MarketRule(query_pids, of_gallery[chosen], query_camids, cameras[chosen], itself)
        rows = product_rows(query, gallery[torch.as_tensor(chosen, device=gallery.device)])
        ranked = rank_matches(rows, rule, 0, len(query), query_chunk)
        of_figures = query_values(ranked, ap, topk)
        for name, values in of_figures.items():
            matched = ~np.isnan(values)
            counts = np.bincount(row[matched], minlength=shape[0])
            sums = np.bincount(row[matched], values[matched], minlength=shape[0])
            means = np.divide(sums, counts, out=np.full(shape[0], np.nan), where=counts > 0)
            figures.setdefault(name, np.full(shape, np.nan))[:, column] = means
            num_matched[:, column] = counts
        for of_row in range(shape[0]) if resamples else ():
            of_camera = {name: values[row == of_row] for name, values in of_figures.items()}
            ends = bootstrap_intervals(of_camera, of_query[row == of_row], resamples, seed)
            for name, interval in ends.items():
                of_name = intervals.setdefault(name, np.full((*shape, 2), np.nan))
                of_name[of_row, column] = interval
    return CameraPairs(query_cameras, gallery_cameras, figures, num_matched, intervals)
