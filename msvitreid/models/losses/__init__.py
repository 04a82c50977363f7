"""Losses of features and labels, across ranks where they compare images."""

from torch.nn import CrossEntropyLoss

from msvitreid.registry import MODELS

from .metric_learning import MetricLearningLoss
from .triplet_loss import BatchHardTripletLoss

MODELS.register_module(module=CrossEntropyLoss)

__all__ = ['BatchHardTripletLoss', 'CrossEntropyLoss', 'MetricLearningLoss']
