"""What the 18 published commands say; written from their flags, not from the configs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

CONFIGS = Path(__file__).parents[2] / 'configs'


class Leaf(NamedTuple):
    """One published command, and the miniature tree that stands for its dataset."""

    name: str
    size: str
    dataset: str
    tree: str
    image_size: tuple[int, int]
    split_size: tuple[int, int]
    epochs: int
    instances: int
    erasing: float
    lr: float

    @property
    def path(self) -> Path:
        return CONFIGS / 'msvit' / f'{self.name}.py'

    @property
    def fine_grained(self) -> bool:
        return self.image_size == (224, 224)


PERSON = ((384, 128), (8, 8), 75, 4, 0.40, 0.05)
MSMT = ((384, 128), (8, 8), 45, 4, 0.40, 0.05)
CARS = ((224, 224), (7, 7), 45, 6, 0.10, 0.05)
CUB = ((224, 224), (7, 7), 45, 6, 0.10, 0.001)

LEAVES = [
    Leaf(f'msvit-{size}_{suffix}', size, dataset, tree, *flags)
    for size in ('s', 'l')
    for suffix, dataset, tree, flags in (
        ('occluded-duke', 'OccludedDuke', 'occluded_duke', PERSON),
        ('p-duke', 'PDukeMTMC', 'p_dukemtmc', PERSON),
        ('market1501', 'Market1501', 'market1501', PERSON),
        ('duke', 'DukeMTMC', 'dukemtmc', PERSON),
        ('cuhk03-detected', 'CUHK03NP', 'npdetected', PERSON),
        ('cuhk03-labeled', 'CUHK03NP', 'nplabeled', PERSON),
        ('msmt17', 'MSMT17', 'msmt17', MSMT),
        ('cars196', 'Cars196', 'car196', CARS),
        ('cub200', 'CUB200', 'cub200', CUB),
    )
]
