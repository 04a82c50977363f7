"""Ranking and retrieval measures as pure functions on arrays or tensors."""

from .average_precision import AP_DEFINITIONS, precision_at_hits
from .bootstrap import bootstrap_intervals, bootstrap_labelings
from .camera_pairs import CameraPairs, camera_pair_metrics
from .k_reciprocal_rerank import KReciprocalDistances, k_reciprocal_rerank
from .kmeans_nmi import (
    adjusted_mutual_information,
    kmeans,
    kmeans_nmi,
    normalized_mutual_information,
)
from .market_rule import MarketRule
from .query_expansion import expand_queries
from .query_scores import (
    QueryScores,
    inner_product_rows,
    score_matches,
    score_queries,
    summarise,
)
from .query_values import EXTRA_MEASURES, extra_values, mean_values, query_values
from .rank_metrics import rank_metrics, rank_metrics_from_rows, rank_metrics_from_similarity
from .ranked_matches import RankedMatches, rank_matches
from .recall_at_k import (
    first_match_ranks,
    rank_classes,
    recall_at_k,
    recall_of_first_ranks,
    recall_values,
)
from .row_ranges import QUERY_CHUNK
from .streamed_matches import rank_streamed_matches
from .top_matches import top_matches
from .verification import verification_metrics

__all__ = [
    'AP_DEFINITIONS',
    'EXTRA_MEASURES',
    'QUERY_CHUNK',
    'CameraPairs',
    'KReciprocalDistances',
    'MarketRule',
    'QueryScores',
    'RankedMatches',
    'adjusted_mutual_information',
    'bootstrap_intervals',
    'bootstrap_labelings',
    'camera_pair_metrics',
    'expand_queries',
    'extra_values',
    'first_match_ranks',
    'inner_product_rows',
    'k_reciprocal_rerank',
    'kmeans',
    'kmeans_nmi',
    'mean_values',
    'normalized_mutual_information',
    'precision_at_hits',
    'query_values',
    'rank_classes',
    'rank_matches',
    'rank_metrics',
    'rank_metrics_from_rows',
    'rank_metrics_from_similarity',
    'rank_streamed_matches',
    'recall_at_k',
    'recall_of_first_ranks',
    'recall_values',
    'score_matches',
    'score_queries',
    'summarise',
    'top_matches',
    'verification_metrics',
]
