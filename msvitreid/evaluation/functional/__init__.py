"""Ranking and retrieval measures as pure functions on arrays or tensors.

Only torch and NumPy are imported (SciPy and scikit-learn where they are used), nothing of the rest
of the package. Start with ``similarities_to_map.py``, which leads from similarities to mAP.
``market_rule.py`` says which gallery images count for a query.
"""

from .bootstrap import bootstrap_intervals, bootstrap_labelings
from .clustering import (
    adjusted_mutual_information,
    clustering_metrics,
    kmeans,
    kmeans_nmi,
    normalized_mutual_information,
)
from .curves import (
    RECALL_LEVELS,
    PairCurves,
    RetrievalCurves,
    pair_curves,
    precision_recall,
    retrieval_curves,
)
from .features_to_map import CameraPairs, camera_pair_metrics, rank_metrics
from .identification import (
    Searches,
    fmr_of_fpir,
    fpir_of_fmr,
    identification_metrics,
    search_outcomes,
)
from .market_rule import MarketRule
from .pair_similarities import PairSimilarities, error_rate_intervals, pair_similarities
from .reranking import KReciprocalDistances, expand_queries, k_reciprocal_rerank
from .retrieval import (
    Agreement,
    first_match_ranks,
    largest_change,
    rank_classes,
    ranking_agreement,
    recall_at_k,
    recall_of_first_ranks,
    recall_values,
    top_matches,
)
from .similarities_to_map import (
    AP_DEFINITIONS,
    EXTRA_MEASURES,
    QueryScores,
    RankedMatches,
    extra_values,
    mean_values,
    precision_at_hits,
    query_values,
    rank_matches,
    rank_metrics_from_rows,
    rank_metrics_from_similarity,
    score_matches,
    summarize,
)
from .similarity import QUERY_CHUNK, inner_product_rows
from .streamed_matches import rank_streamed_matches
from .verification import verification_intervals, verification_metrics

__all__ = [
    'AP_DEFINITIONS',
    'EXTRA_MEASURES',
    'QUERY_CHUNK',
    'RECALL_LEVELS',
    'Agreement',
    'CameraPairs',
    'KReciprocalDistances',
    'MarketRule',
    'PairCurves',
    'PairSimilarities',
    'QueryScores',
    'RankedMatches',
    'RetrievalCurves',
    'Searches',
    'adjusted_mutual_information',
    'bootstrap_intervals',
    'bootstrap_labelings',
    'camera_pair_metrics',
    'clustering_metrics',
    'error_rate_intervals',
    'expand_queries',
    'extra_values',
    'first_match_ranks',
    'fmr_of_fpir',
    'fpir_of_fmr',
    'identification_metrics',
    'inner_product_rows',
    'k_reciprocal_rerank',
    'kmeans',
    'kmeans_nmi',
    'largest_change',
    'mean_values',
    'normalized_mutual_information',
    'pair_curves',
    'pair_similarities',
    'precision_at_hits',
    'precision_recall',
    'query_values',
    'rank_classes',
    'rank_matches',
    'rank_metrics',
    'rank_metrics_from_rows',
    'rank_metrics_from_similarity',
    'rank_streamed_matches',
    'ranking_agreement',
    'recall_at_k',
    'recall_of_first_ranks',
    'recall_values',
    'retrieval_curves',
    'score_matches',
    'search_outcomes',
    'summarize',
    'top_matches',
    'verification_intervals',
    'verification_metrics',
]
