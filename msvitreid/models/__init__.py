"""The net: preprocessor, backbone, neck, head and losses; importing this package registers them.

Knows no dataset, metric or runner.
"""

from .backbones import JoinedNets, MSViT, SparseGridAttention
from .batch_augments import BatchRandomErasing
from .heads import BNNeckHead, FeatureHead, ImageNetHead, SingleBNNeckHead
from .losses import BatchHardTripletLoss, CrossEntropyLoss, MetricLearningLoss
from .necks import GlobalPoolingNeck, PartPoolingNeck
from .preprocessor import ReIDDataPreprocessor
from .reid import ReIDModel

__all__ = [
    'BNNeckHead',
    'BatchHardTripletLoss',
    'BatchRandomErasing',
    'CrossEntropyLoss',
    'FeatureHead',
    'GlobalPoolingNeck',
    'ImageNetHead',
    'JoinedNets',
    'MSViT',
    'MetricLearningLoss',
    'PartPoolingNeck',
    'ReIDDataPreprocessor',
    'ReIDModel',
    'SingleBNNeckHead',
    'SparseGridAttention',
]
