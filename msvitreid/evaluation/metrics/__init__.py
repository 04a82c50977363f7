from .random_gallery_metric import RandomGalleryMetric
from .reid_metric import ReIDMetric
from .retrieval_metric import RetrievalMetric
from .top_k_accuracy import TopKAccuracy

__all__ = ['RandomGalleryMetric', 'ReIDMetric', 'RetrievalMetric', 'TopKAccuracy']
