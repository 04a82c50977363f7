"""CMC, mAP and mINP of features under the Market rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .inputs import Array, Labels, as_feature_pair, as_topk
from .market_rule import MarketRule
from .ranking import (
    check_ap_definition,
    check_extra_measures,
    figures,
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
