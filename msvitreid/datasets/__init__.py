"""Datasets, samplers and transforms; importing this package registers them."""

from .base import ImageRecord, ReIDDataset
from .joined import JoinedDataset
from .layouts.body_folders import OccludedREID, PartialREID, PDukeMTMC
from .layouts.cars196 import Cars196
from .layouts.cub200 import CUB200
from .layouts.inshop import InShop
from .layouts.market_style import (
    CUHK03NP,
    DukeMTMC,
    Market1501,
    MarketStyleDataset,
    OccludedDuke,
)
from .layouts.msmt17 import MSMT17
from .layouts.sop import SOP
from .layouts.university1652 import University1652
from .layouts.vehicleid import VehicleID
from .layouts.veri776 import VeRi776
from .loading.collate import collate_unprepared
from .samplers import IdentitySampler
from .split_statistics import About, SplitStatistics
from .transforms import (
    LetterboxResize,
    LoadImage,
    PackReIDInputs,
    PrepareOnDevice,
    RandomCrop,
)

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
    'LetterboxResize',
    'LoadImage',
    'Market1501',
    'MarketStyleDataset',
    'OccludedDuke',
    'OccludedREID',
    'PDukeMTMC',
    'PackReIDInputs',
    'PartialREID',
    'PrepareOnDevice',
    'RandomCrop',
    'ReIDDataset',
    'SplitStatistics',
    'University1652',
    'VeRi776',
    'VehicleID',
    'collate_unprepared',
]
