"""Scores of single queries, and the figures that summarise them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from .average_precision import check_ap_definition, precision_at_hits
from .inner_products import inner_products
from .inputs import Array, as_feature_pair, as_topk
from .market_rule import MarketRule
from .ranked_matches import RankedMatches, SimilarityRows, rank_matches
from .row_ranges import QUERY_CHUNK


class QueryScores(NamedTuple):
    """How ``N`` queries fared.

    Attributes:
        average_precision: ``(N,)`` float64, NaN for a query without a match.
        first_rank: ``(N,)`` int64, rank of the first match, 0 where there is none.
        inverse_penalty: ``(N,)`` float64, matches / rank of the last match, 0 where
            there is none.
    """

    average_precision: np.ndarray
    first_rank: np.ndarray
    inverse_penalty: np.ndarray


def inner_product_rows(query_features: Array, gallery_features: Array) -> SimilarityRows:
    """Similarities on demand, in float32.

    Args:
        query_features: ``(Q, D)``.
        gallery_features: ``(G, D)``.

    Raises:
        ValueError: shapes disagree or a feature is not finite.
    """
    return product_rows(*as_feature_pair(query_features, gallery_features))


def product_rows(query: torch.Tensor, gallery: torch.Tensor) -> SimilarityRows:
    """:func:`inner_product_rows` of features that have been checked."""

    def rows(start: int, stop: int) -> torch.Tensor:
        return inner_products(query[start:stop], gallery)

    return rows


def score_queries(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    ap: str,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> QueryScores:
    """Rank the gallery for some of the queries and score each ranking.

    Args:
        similarity_rows: called for consecutive blocks of queries; its answer,
            ``(stop - start, G)``, is modified.
        rule: who is in whose ranking.
        ap: average precision, ``'trapezoid'`` or ``'plain'``.
        start: the first query.
        stop: one past the last.
        query_chunk: queries handled at once.

    Returns:
        The scores of the ``stop - start`` queries.

    Raises:
        ValueError: an unknown ``ap``, or as :func:`rank_matches`.
    """
    check_ap_definition(ap)
    return score_matches(rank_matches(similarity_rows, rule, start, stop, query_chunk), ap)


def score_matches(ranked: RankedMatches, ap: str) -> QueryScores:
    """Score rankings of which the matches' ranks are known.

    Raises:
        ValueError: an unknown ``ap``.
    """
    check_ap_definition(ap)
    count = ranked.num_queries
    scores = QueryScores(
        np.full(count, np.nan), np.zeros(count, dtype=np.int64), np.zeros(count)
    )
    matched, first, counts = np.unique(ranked.queries, return_index=True, return_counts=True)
    if len(matched):
        ranks = ranked.ranks
        hits = np.arange(len(ranks)) - np.repeat(first, counts) + 1
        precision = np.add.reduceat(precision_at_hits(hits, ranks, ap), first)
        scores.average_precision[matched] = precision / counts
        scores.first_rank[matched] = ranks[first]
        scores.inverse_penalty[matched] = counts / ranks[first + counts - 1]
    return scores


def summarise(scores: QueryScores, topk: Sequence[int]) -> dict[str, Any]:
    """Means over the queries that have a match.

    Args:
        scores: of all queries.
        topk: the k of the ``rank-k`` values.

    Returns:
        ``mAP``, ``mINP``, ``rank-k`` for every k, ``num_queries`` and
        ``num_unmatched``, as :func:`rank_metrics` gives them.

    Raises:
        ValueError: ``topk`` is not a list of whole numbers from 1 on.
    """
    topk = as_topk(topk)
    matched = scores.first_rank > 0
    return {
        'mAP': _mean(scores.average_precision[matched]),
        'mINP': _mean(scores.inverse_penalty[matched]),
        **{f'rank-{k}': _mean(scores.first_rank[matched] <= k) for k in topk},
        'num_queries': len(matched),
        'num_unmatched': int((~matched).sum()),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float('nan')
