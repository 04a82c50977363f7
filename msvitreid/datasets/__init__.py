"""Datasets, samplers and transforms; importing this package registers them."""

from .base import ImageRecord, ReIDDataset
from .body_folders import OccludedREID, PartialREID, PDukeMTMC
from .cars196 import Cars196
from .counts import About, SplitStatistics
from .cub200 import CUB200
from .inshop import InShop
from .joined import JoinedDataset
from .market_style import CUHK03NP, DukeMTMC, Market1501, MarketStyleDataset, OccludedDuke
from .msmt17 import MSMT17
from .samplers import IdentitySampler
from .sop import SOP
from .transforms import LoadImage, PackReIDInputs, RandomCrop
from .university1652 import University1652
from .vehicleid import VehicleID
from .veri776 import VeRi776

__all__ = [
    'CUB200',
    'CUHK03NP',
    'MSMT17',
    'SOP',
    'About',
    'Cars196',
    'DukeMTMC',
    'IdentitySampler',
    'ImageRecord',
    'InShop',
    'JoinedDataset',
    'LoadImage',
    'Market1501',
    'MarketStyleDataset',
    'OccludedDuke',
    'OccludedREID',
    'PDukeMTMC',
    'PackReIDInputs',
    'PartialREID',
    'RandomCrop',
    'ReIDDataset',
    'SplitStatistics',
    'University1652',
    'VeRi776',
    'VehicleID',
]
