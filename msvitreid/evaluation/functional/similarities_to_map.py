"""From similarities to mAP: ranks of the matches, scores of the queries, means.

Read from top to bottom: :func:`rank_metrics_from_rows` is all of it, and what it calls follows in
that order. :func:`rank_matches` finds the rank of every match among the images that
:class:`MarketRule` leaves, :func:`query_values` scores each query, :func:`mean_values` takes the
means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch

from .inputs import Array, Labels, as_matrix, as_topk, check_range, check_whole
from .market_rule import MarketRule, Pairs
from .on_device import to_host, upload
from .similarity import (
    QUERY_CHUNK,
    SimilarityRows,
    check_extremes,
    check_similarities,
    extremes,
    row_slots,
)

AP_DEFINITIONS = ('trapezoid', 'plain')

EXTRA_MEASURES = ('precision', 'R-precision', 'MAP@R', 'MRR')

_TIED = 64
"""Rows compared entry by entry at once."""


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
            negated. It is not modified. Integers are below 2**53.

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
        block = matrix[start:stop].to(dtype, copy=True)
        if not matrix.is_floating_point() and block.numel() and block.abs().max() >= 2**53:
            raise ValueError(
                'similarity holds integers from 2**53 on, which float64 cannot tell apart; '
                'scale them'
            )
        return block

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
    return figures(ranked, ap, topk, per_query, extra)


def figures(
    ranked: RankedMatches, ap: str, topk: Sequence[int], per_query: bool, extra: Sequence[str]
) -> dict[str, Any]:
    """What :func:`rank_metrics` gives, of the matches' ranks."""
    values = query_values(ranked, ap, topk, extra)
    metrics = mean_values(values)
    if per_query:
        metrics['AP'] = values['mAP']
    return metrics


class RankedMatches(NamedTuple):
    """Where the matches of some queries stand, which is all that any score depends on.

    Attributes:
        queries: ``(M,)`` query of each match, ascending.
        ranks: ``(M,)`` its rank, 1 for the first place, ascending within a query.
        num_queries: how many queries there are, those without a match included.
    """

    queries: np.ndarray
    ranks: np.ndarray
    num_queries: int


def rank_matches(
    similarity_rows: SimilarityRows,
    rule: MarketRule,
    start: int,
    stop: int,
    query_chunk: int = QUERY_CHUNK,
) -> RankedMatches:
    """Rank the gallery for some of the queries.

    Args:
        similarity_rows: called for consecutive blocks of queries; its answer,
            ``(stop - start, G)``, is modified.
        rule: who is in whose ranking.
        start: the first query.
        stop: one past the last.
        query_chunk: queries handled at once.

    Returns:
        Their matches; queries are counted from ``start``.

    Raises:
        ValueError: ``query_chunk`` is below 1, ``start`` to ``stop`` is not a range of
            queries, or a similarity is not finite.
    """
    queries, ranks = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for block_start, block in _blocks(similarity_rows, rule, start, stop, query_chunk):
        limits = extremes(block)
        matches = rule.apply(block, block_start)
        of_matches, of_block = to_host(match_ranks(block, matches), limits)
        check_extremes(of_block, block_start, len(block))
        queries.append(block_start - start + matches.rows)
        ranks.append(of_matches)
        del block  # not to be held while the next is made
    return in_order(np.concatenate(queries), np.concatenate(ranks), stop - start)


def checked_blocks(
    similarity_rows: SimilarityRows, rule: MarketRule, start: int, stop: int, query_chunk: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """The first query and the similarities of each block; for errors see above."""
    for block_start, block in _blocks(similarity_rows, rule, start, stop, query_chunk):
        check_similarities(block, block_start)
        yield block_start, block
        del block  # not to be held while the next is made


def _blocks(
    similarity_rows: SimilarityRows, rule: MarketRule, start: int, stop: int, query_chunk: int
) -> Iterator[tuple[int, torch.Tensor]]:
    check_whole(query_chunk, 1, 'query_chunk')
    check_range(start, stop, rule.num_queries)
    for block_start in range(start, stop, query_chunk):
        block = similarity_rows(block_start, min(block_start + query_chunk, stop))
        yield block_start, block
        del block  # not to be held while the next is made


def in_order(queries: np.ndarray, ranks: np.ndarray, num_queries: int) -> RankedMatches:
    """The matches sorted by query, then by rank."""
    order = np.lexsort((ranks, queries))
    return RankedMatches(queries[order], ranks[order], num_queries)


def match_ranks(similarity: torch.Tensor, matches: Pairs) -> torch.Tensor:
    """Rank of every match in its query's ranking.

    The rank is one plus the number of gallery items that are more similar, or
    equally similar with a lower index. Counting them needs the row's sorted *values*,
    not the sorting permutation, which costs ten times as much. A device sorts both alike.

    Args:
        similarity: ``(B, G)``, items left out at ``-inf``.
        matches: ``M`` pairs ordered by row, none of them left out.

    Returns:
        ``(M,)`` int64 on the device of ``similarity``, 1 for the first place.
    """
    rows, columns = (upload(index, similarity.device) for index in matches)
    if similarity.device.type != 'cpu':
        # Sorts may tell 0 from -0, and the sum with 0 is 0 of both.
        order = (similarity + 0).sort(dim=1, descending=True, stable=True).indices
        places = torch.arange(similarity.shape[1], device=similarity.device)
        ranks = torch.empty_like(order).scatter_(1, order, places.expand_as(order))
        return ranks[rows, columns] + 1
    values = similarity[rows, columns]
    above, equal = count_above(similarity, rows, values)
    tied = (equal > 1).nonzero().squeeze(1)  # with another one than itself
    above[tied] += count_tied_before(similarity, rows[tied], columns[tied], values[tied])
    return above + 1


def count_above(
    similarity: torch.Tensor, rows: torch.Tensor, values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many entries of a row are larger than a value, and how many equal it.

    Args:
        similarity: ``(B, G)``.
        rows: ``(M,)`` the row for each value, ascending.
        values: ``(M,)`` above ``-inf``.

    Returns:
        Two int64 ``(M,)`` tensors.
    """
    if not len(rows):
        return rows, rows
    slots, width = row_slots(rows, len(similarity))
    padded = similarity.new_zeros(len(similarity), width)
    padded[rows, slots] = values
    ascending = _sorted_values(similarity)
    not_above = torch.searchsorted(ascending, padded, right=True)[rows, slots]
    below = torch.searchsorted(ascending, padded, right=False)[rows, slots]
    return similarity.shape[1] - not_above, not_above - below


def count_tied_before(
    similarity: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor
) -> torch.Tensor:
    """How many entries of a row that equal a value stand left of a column.

    Args:
        similarity: ``(B, G)``.
        rows: ``(M,)`` the row for each value.
        columns: ``(M,)``, may lie outside.
        values: ``(M,)``.

    Returns:
        ``(M,)`` int64.
    """
    before = torch.zeros_like(columns)
    indices = torch.arange(similarity.shape[1], device=columns.device)
    for start in range(0, len(rows), _TIED):
        part = slice(start, start + _TIED)
        equal = similarity[rows[part]] == values[part, None]
        before[part] = (equal & (indices < columns[part, None])).sum(dim=1)
    return before


def _sorted_values(similarity: torch.Tensor) -> torch.Tensor:
    """Rows in ascending order."""
    if similarity.device.type != 'cpu':
        return similarity.sort(dim=1).values
    # NumPy's vectorized sort of float32 values is 20 times as fast as torch's. It has one
    # thread, but lets others run.
    ascending = similarity.numpy().copy()
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.sort(axis=1), np.array_split(ascending, threads)))
    return torch.from_numpy(ascending)


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


def check_ap_definition(ap: str) -> None:
    """Check the name of a definition of average precision.

    Raises:
        ValueError: ``ap`` is not one of ``AP_DEFINITIONS``.
    """
    if ap not in AP_DEFINITIONS:
        raise ValueError(f"ap must be 'trapezoid' or 'plain', got {ap!r}")


def precision_at_hits(hits: np.ndarray, ranks: np.ndarray, ap: str) -> np.ndarray:
    """Precision each hit contributes; their mean over a query's hits is its AP.

    - ``'plain'``: the precision at the hit, hits so far / rank.
    - ``'trapezoid'``: the mean of that and of the precision just before it,
      (hits - 1) / (rank - 1), which is 1 at the first rank. This is the
      trapezoid rule of the original Market-1501 code and the definition behind
      the published figures; it differs from plain AP by points.

    Args:
        hits: 1-based number of each hit within its query.
        ranks: 1-based rank of each hit, same shape.
        ap: ``'trapezoid'`` or ``'plain'``.

    Returns:
        Float64, the shape of ``hits``.

    Raises:
        ValueError: another ``ap``.
    """
    check_ap_definition(ap)
    at_hit = hits / ranks
    if ap == 'plain':
        return at_hit
    before_hit = np.where(ranks == 1, 1.0, (hits - 1) / np.maximum(ranks - 1, 1))
    return (before_hit + at_hit) / 2


def query_values(
    ranked: RankedMatches, ap: str, topk: Sequence[int], extra: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """What each query adds to the mean that each figure is.

    Args:
        ranked: where the matches stand.
        ap: average precision, ``'trapezoid'`` or ``'plain'``.
        topk: the k of ``rank-k`` and ``precision@k``.
        extra: further figures, see :func:`extra_values`.

    Returns:
        ``mAP``, ``mINP``, ``rank-k`` for every k and the extra figures, each ``(Q,)`` float64,
        NaN for queries without a match.

    Raises:
        ValueError: an unknown ``ap`` or measure, or ``topk`` is not a list of whole numbers
            from 1 on.
    """
    topk = as_topk(topk)
    return _score_values(score_matches(ranked, ap), topk) | extra_values(ranked, topk, extra)


def _score_values(scores: QueryScores, topk: Sequence[int]) -> dict[str, np.ndarray]:
    matched = scores.first_rank > 0
    return {
        'mAP': scores.average_precision,
        'mINP': np.where(matched, scores.inverse_penalty, np.nan),
        **{f'rank-{k}': np.where(matched, scores.first_rank <= k, np.nan) for k in topk},
    }


def check_extra_measures(extra: Sequence[str]) -> tuple[str, ...]:
    """Check names of further measures.

    Raises:
        ValueError: one is not of ``EXTRA_MEASURES``.
    """
    is_list = isinstance(extra, (list, tuple))
    if not is_list or any(name not in EXTRA_MEASURES for name in extra):
        raise ValueError(f'extra must be a list of any of {EXTRA_MEASURES}, got {extra!r}')
    return tuple(extra)


def extra_values(
    ranked: RankedMatches, topk: Sequence[int], extra: Sequence[str]
) -> dict[str, np.ndarray]:
    """Less common figures of each query, R being the number of its matches.

    - ``precision``: for every k ``precision@k``, matches among the first k, over k, also where
      fewer than k images are ranked.
    - ``R-precision``: matches among the first R, over R.
    - ``MAP@R``: the sum of the precisions at the matches among the first R, over R (Musgrave,
      Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020); always plain precisions.
    - ``MRR``: 1 / rank of the first match.

    Args:
        ranked: where the matches stand.
        topk: the k of ``precision@k``.
        extra: any of ``EXTRA_MEASURES``.

    Returns:
        By name ``(Q,)`` float64, NaN for queries without a match.

    Raises:
        ValueError: an unknown measure.
    """
    extra, ranks = check_extra_measures(extra), ranked.ranks
    matched, first, counts = np.unique(ranked.queries, return_index=True, return_counts=True)
    totals = np.repeat(counts, counts)

    def per_query(of_matches: np.ndarray, divisor: np.ndarray | int) -> np.ndarray:
        values = np.full(ranked.num_queries, np.nan)
        if len(matched):
            values[matched] = np.add.reduceat(of_matches.astype(np.float64), first) / divisor
        return values

    values = {}
    for name in extra:
        if name == 'precision':
            for k in topk:
                values[f'precision@{k}'] = per_query(ranks <= k, k)
        elif name == 'R-precision':
            values[name] = per_query(ranks <= totals, counts)
        elif name == 'MAP@R':
            hits = np.arange(len(ranks)) - np.repeat(first, counts) + 1
            values[name] = per_query(np.where(ranks <= totals, hits / ranks, 0), counts)
        else:
            is_first = np.zeros(len(ranks), dtype=bool)
            is_first[first] = True
            values[name] = per_query(np.where(is_first, 1 / ranks, 0), 1)
    return values


def mean_values(values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Means over the queries that have a match (NaN if none has), and how many there were.

    Args:
        values: what :func:`query_values` gives for all queries.

    Returns:
        The means by the same names; ``num_queries``, ``num_unmatched``.
    """
    matched = ~np.isnan(values['mAP'])
    means = {
        name: float(value[matched].mean()) if matched.any() else float('nan')
        for name, value in values.items()
    }
    num_unmatched = int((~matched).sum())
    return {**means, 'num_queries': len(matched), 'num_unmatched': num_unmatched}


def summarize(scores: QueryScores, topk: Sequence[int]) -> dict[str, Any]:
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
    return mean_values(_score_values(scores, as_topk(topk)))
