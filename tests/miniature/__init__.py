"""Miniature trees of the datasets in their real layouts, traps of the wild included.

Every writer is ``write_<name>(data_root, shape=TreeShape(...), ...) -> Table``: it writes below
``data_root`` the folder that the dataset has there, and returns what must be read from it.
``WRITERS`` maps short names, for the published commands' sets theirs, to them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .body_folders import write_occluded_reid, write_p_dukemtmc, write_partial_reid
from .cars196 import write_cars196
from .cub200 import write_cub200
from .inshop import write_inshop
from .market_style import write_cuhk03np, write_dukemtmc, write_market1501, write_occluded_duke
from .msmt17 import write_msmt17
from .sop import write_sop
from .tree import Row, Table, TreeShape
from .university1652 import write_university1652
from .vehicleid import write_vehicleid
from .veri776 import write_veri776

WRITERS: dict[str, Callable[..., Table]] = {
    'occluded_duke': write_occluded_duke,
    'p_dukemtmc': write_p_dukemtmc,
    'market1501': write_market1501,
    'dukemtmc': write_dukemtmc,
    'npdetected': partial(write_cuhk03np, variant='detected'),
    'nplabeled': partial(write_cuhk03np, variant='labeled'),
    'msmt17': write_msmt17,
    'car196': write_cars196,
    'cub200': write_cub200,
    'veri776': write_veri776,
    'vehicleid': write_vehicleid,
    'sop': write_sop,
    'inshop': write_inshop,
    'university1652': write_university1652,
    'occluded_reid': write_occluded_reid,
    'partial_reid': write_partial_reid,
}

__all__ = [
    'WRITERS',
    'Row',
    'Table',
    'TreeShape',
    'write_cars196',
    'write_cub200',
    'write_cuhk03np',
    'write_dukemtmc',
    'write_inshop',
    'write_market1501',
    'write_msmt17',
    'write_occluded_duke',
    'write_occluded_reid',
    'write_p_dukemtmc',
    'write_partial_reid',
    'write_sop',
    'write_university1652',
    'write_vehicleid',
    'write_veri776',
]
