from .bnneck_head import BNNeckHead
from .imagenet_head import ImageNetHead

__all__ = ['BNNeckHead', 'ImageNetHead']
