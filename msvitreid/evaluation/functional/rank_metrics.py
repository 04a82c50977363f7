"""CMC, mAP and mINP under the Market rule, streamed over blocks of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .average_precision import check_ap_definition
from .feature_file import FeatureFile, is_in_memory
from .inputs import Array, Labels, as_feature_pair, as_matrix, as_topk
from .market_rule import MarketRule
from .query_scores import product_rows
from .query_values import check_extra_measures, mean_values, query_values
from .ranked_matches import RankedMatches, SimilarityRows, rank_matches
from .row_ranges import QUERY_CHUNK
from .streamed_matches import rank_streamed_matches


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
    normalise them first for cosine similarity. Of equally similar images the one
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
        return _metrics(ranked, ap, topk, per_query, extra)
    query, gallery = as_feature_pair(query_features, gallery_features)
    rule = MarketRule(*labels, self_index)
    rule.check_shape(len(query), len(gallery))
    rows = product_rows(query, gallery)
    return rank_metrics_from_rows(rows, rule, ap, topk, query_chunk, per_query, extra)


def rank_metrics_from_similarity(
    similarity: Array,
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
    """:func:`rank_metrics` of a given similarity matrix.

    Args:
        similarity: ``(Q, G)``, larger is more similar; give a distance matrix
            negated. It is not modified.

    The other arguments, the result and the errors are those of
    :func:`rank_metrics`.
    """
    matrix = as_matrix(similarity, 'similarity', '(Q, G)')
    rule = MarketRule(query_pids, gallery_pids, query_camids, gallery_camids, self_index)
    rule.check_shape(len(matrix), matrix.shape[1])

    exact_in_float32 = matrix.is_floating_point() or matrix.element_size() <= 2
    least = torch.float32 if exact_in_float32 else torch.float64
    dtype = torch.promote_types(matrix.dtype, least)

    def rows(start: int, stop: int) -> torch.Tensor:
        return matrix[start:stop].to(dtype, copy=True)

    return rank_metrics_from_rows(rows, rule, ap, topk, query_chunk, per_query, extra)


def rank_metrics_from_rows(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    ap: str = 'trapezoid',
    topk: Sequence[int] = (1, 5, 10),
    query_chunk: int = QUERY_CHUNK,
    per_query: bool = False,
    extra: Sequence[str] = (),
) -> dict[str, Any]:
    """:func:`rank_metrics` of similarities that are computed on demand.

    Args:
        similarity_rows: called as ``similarity_rows(start, stop)`` for consecutive
            blocks of queries; its answer, ``(stop - start, G)``, is modified.
        rule: who is in whose ranking.

    The other arguments and the result are those of :func:`rank_metrics`.
    """
    check_ap_definition(ap)
    topk, extra = as_topk(topk), check_extra_measures(extra)
    ranked = rank_matches(similarity_rows, rule, 0, rule.num_queries, query_chunk)
    return _metrics(ranked, ap, topk, per_query, extra)


def _metrics(
    ranked: RankedMatches, ap: str, topk: Sequence[int], per_query: bool, extra: Sequence[str]
) -> dict[str, Any]:
    values = query_values(ranked, ap, topk, extra)
    metrics = mean_values(values)
    if per_query:
        metrics['AP'] = values['mAP']
    return metrics
