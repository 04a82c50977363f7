"""Ranking and retrieval measures as pure functions on arrays or tensors."""

from .average_precision import AP_DEFINITIONS, precision_at_hits
from .k_reciprocal_rerank import KReciprocalDistances, k_reciprocal_rerank
from .kmeans_nmi import kmeans, kmeans_nmi, normalized_mutual_information
from .market_rule import MarketRule
from .query_scores import (
    QueryScores,
    inner_product_rows,
    score_matches,
    score_queries,
    summarise,
)
from .rank_metrics import rank_metrics, rank_metrics_from_rows, rank_metrics_from_similarity
from .ranked_matches import RankedMatches, rank_matches
from .recall_at_k import first_match_ranks, recall_at_k, recall_of_first_ranks
from .row_ranges import QUERY_CHUNK
from .streamed_matches import rank_streamed_matches
from .top_matches import top_matches

__all__ = [
    'AP_DEFINITIONS',
    'QUERY_CHUNK',
    'KReciprocalDistances',
    'MarketRule',
    'QueryScores',
    'RankedMatches',
    'first_match_ranks',
    'inner_product_rows',
    'k_reciprocal_rerank',
    'kmeans',
    'kmeans_nmi',
    'normalized_mutual_information',
    'precision_at_hits',
    'rank_matches',
    'rank_metrics',
    'rank_metrics_from_rows',
    'rank_metrics_from_similarity',
    'rank_streamed_matches',
    'recall_at_k',
    'recall_of_first_ranks',
    'score_matches',
    'score_queries',
    'summarise',
    'top_matches',
]
