from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from .inner_products import check_similarities
from .inputs import check_range, check_whole
from .market_rule import MarketRule
from .match_ranks import match_ranks
from .row_ranges import QUERY_CHUNK

SimilarityRows = Callable[[int, int], torch.Tensor]
"""``rows(start, stop)`` gives a fresh ``(stop - start, G)`` float tensor."""


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
    for block_start, block in checked_blocks(similarity_rows, rule, start, stop, query_chunk):
        matches = rule.apply(block, block_start)
        queries.append(block_start - start + matches.rows)
        ranks.append(match_ranks(block, matches))
        del block  # not to be held while the next is made
    return in_order(np.concatenate(queries), np.concatenate(ranks), stop - start)


def checked_blocks(
    similarity_rows: SimilarityRows, rule: MarketRule, start: int, stop: int, query_chunk: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """The first query and the similarities of each block; for errors see above."""
    check_whole(query_chunk, 1, 'query_chunk')
    check_range(start, stop, rule.num_queries)
    for block_start in range(start, stop, query_chunk):
        block = similarity_rows(block_start, min(block_start + query_chunk, stop))
        check_similarities(block, block_start)
        yield block_start, block
        del block  # not to be held while the next is made


def in_order(queries: np.ndarray, ranks: np.ndarray, num_queries: int) -> RankedMatches:
    """The matches sorted by query, then by rank."""
    order = np.lexsort((ranks, queries))
    return RankedMatches(queries[order], ranks[order], num_queries)
