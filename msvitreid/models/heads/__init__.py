"""Vectors to features, the embedding and losses."""

from .bnneck_head import BNNeckHead
from .feature_head import FeatureHead
from .imagenet_head import ImageNetHead
from .single_bnneck_head import SingleBNNeckHead

__all__ = ['BNNeckHead', 'FeatureHead', 'ImageNetHead', 'SingleBNNeckHead']
