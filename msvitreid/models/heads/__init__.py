"""Vectors to features, the embedding and losses."""

from .bnneck_head import BNNeckHead
from .imagenet_head import ImageNetHead
from .single_bnneck_head import SingleBNNeckHead

__all__ = ['BNNeckHead', 'ImageNetHead', 'SingleBNNeckHead']
