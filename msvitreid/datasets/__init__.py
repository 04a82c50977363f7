"""Datasets, samplers and transforms; importing this package registers them."""

from .base import ImageRecord, ReIDDataset
from .cars196 import Cars196
from .counts import About, SplitStatistics
from .cub200 import CUB200
from .market_style import CUHK03NP, DukeMTMC, Market1501, MarketStyleDataset, OccludedDuke
from .msmt17 import MSMT17
from .p_dukemtmc import PDukeMTMC
from .samplers import IdentitySampler
from .transforms import LoadImage, PackReIDInputs, RandomCrop

__all__ = [
    'CUB200',
    'CUHK03NP',
    'MSMT17',
    'About',
    'Cars196',
    'DukeMTMC',
    'IdentitySampler',
    'ImageRecord',
    'LoadImage',
    'Market1501',
    'MarketStyleDataset',
    'OccludedDuke',
    'PDukeMTMC',
    'PackReIDInputs',
    'RandomCrop',
    'ReIDDataset',
    'SplitStatistics',
]
