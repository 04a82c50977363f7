from .random_gallery_metric import RandomGalleryMetric
from .reid_metric import ReIDMetric
from .retrieval_metric import RetrievalMetric

__all__ = ['RandomGalleryMetric', 'ReIDMetric', 'RetrievalMetric']
