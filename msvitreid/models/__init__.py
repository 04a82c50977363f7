from .backbones import MSViT, SparseGridAttention
from .batch_augments import BatchRandomErasing
from .heads import BNNeckHead, ImageNetHead
from .losses import BatchHardTripletLoss, CrossEntropyLoss
from .necks import PartPoolingNeck
from .preprocessor import ReIDDataPreprocessor
from .reid import ReIDModel

__all__ = [
    'BNNeckHead',
    'BatchHardTripletLoss',
    'BatchRandomErasing',
    'CrossEntropyLoss',
    'ImageNetHead',
    'MSViT',
    'PartPoolingNeck',
    'ReIDDataPreprocessor',
    'ReIDModel',
    'SparseGridAttention',
]
