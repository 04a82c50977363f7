from .part_pooling import PartPoolingNeck

__all__ = ['PartPoolingNeck']
