from .reid_metric import ReIDMetric
from .retrieval_metric import RetrievalMetric

__all__ = ['ReIDMetric', 'RetrievalMetric']
