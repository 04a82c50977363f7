from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..functional import QUERY_CHUNK, MarketRule, QueryScores, score_queries, summarise
from ..functional.query_scores import SimilarityRows
from .exchange import split_rows


def rank_across_processes(
    similarity_rows: SimilarityRows, rule: MarketRule, ap: str, topk: Sequence[int]
) -> dict[str, Any]:
    """:func:`rank_metrics_from_rows` with the queries divided among the processes."""
    score = partial(score_queries, similarity_rows, rule, ap)
    scores = split_rows(score, rule.num_queries, QUERY_CHUNK)
    return summarise(QueryScores(*scores), topk)
