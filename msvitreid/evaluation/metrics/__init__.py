"""The measures for mmengine's evaluator: collect, gather across ranks, call ``functional``."""

from .embedding_metric import EmbeddingMetric
from .random_gallery_metric import RandomGalleryMetric
from .reid_metric import ReIDMetric
from .retrieval_metric import RetrievalMetric
from .searched import Searched, searched, why_not_ranked
from .top_k_accuracy import TopKAccuracy

__all__ = [
    'EmbeddingMetric',
    'RandomGalleryMetric',
    'ReIDMetric',
    'RetrievalMetric',
    'Searched',
    'TopKAccuracy',
    'searched',
    'why_not_ranked',
]
