"""The measures for mmengine's evaluator: collect, gather across ranks, call ``functional``.

``embedding_metric.py`` is below all of them: it collects embeddings and says in the log what the
figures are, and how many decimals they have. ``reid_metric.py`` and ``retrieval_metric.py`` choose
the figures.
"""

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
