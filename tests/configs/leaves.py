"""What the published commands say, and what the configs for more datasets must say.

Written from the commands' flags and the settings given for the other sets, not from the configs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

CONFIGS = Path(__file__).parents[2] / 'configs'


class Metric(NamedTuple):
    """A metric's type and options, and the figures that it gives for one test set."""

    type: str
    options: dict[str, Any]
    figures: set[str]


class Settings(NamedTuple):
    """Flags of a command, and the protocol of its dataset."""

    image_size: tuple[int, int]
    split_size: tuple[int, int]
    epochs: int
    batch: int
    instances: int
    erasing: float
    lr: float
    metric: Metric
    frozen_stages: int = 0


class Leaf(NamedTuple):
    """One config, and the miniature tree that stands for its dataset.

    Attributes:
        test_sets: by the prefix of their figures ('' where there is one), what is tested.
        train_tree: that of the set to train on, where the config's own is for testing only.
    """

    name: str
    size: str
    dataset: str
    tree: str
    settings: Settings
    train_dataset: str
    train_tree: str
    test_sets: tuple[str, ...]

    @property
    def path(self) -> Path:
        return CONFIGS / 'msvit' / f'{self.name}.py'

    @property
    def figures(self) -> set[str]:
        return {
            f'{name}/{figure}' if name else figure
            for name in self.test_sets
            for figure in self.settings.metric.figures
        }


def reid_metric() -> Metric:
    return Metric(
        'ReIDMetric',
        {'topk': (1, 5, 10), 'ap': 'trapezoid'},
        {'mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'},
    )


def retrieval_metric(*topk: int, nmi: bool = False) -> Metric:
    recalls = {f'recall@{k}' for k in topk}
    return Metric(
        'RetrievalMetric', {'topk': topk, 'nmi': nmi}, recalls | ({'NMI'} if nmi else set())
    )


def random_gallery_metric() -> Metric:
    figures = {'mAP', 'rank-1', 'rank-5'}
    return Metric(
        'RandomGalleryMetric',
        {'topk': (1, 5), 'ap': 'plain', 'draws': 10, 'seed': 0},
        figures | {f'{name}-std' for name in figures},
    )


PERSON = Settings((384, 128), (8, 8), 75, 24, 4, 0.40, 0.05, reid_metric())
MSMT = PERSON._replace(epochs=45)
CARS = Settings(
    (224, 224), (7, 7), 45, 24, 6, 0.10, 0.05, retrieval_metric(1, 2, 4, 8, nmi=True)
)
CUB = CARS._replace(lr=0.001)

VERI = PERSON._replace(image_size=(256, 256), batch=32)
VEHICLEID = VERI._replace(batch=256, lr=0.2, frozen_stages=-1, metric=random_gallery_metric())
SOP = CARS._replace(
    epochs=75, batch=128, instances=4, lr=0.1, metric=retrieval_metric(1, 10, 100, 1000)
)
INSHOP = SOP._replace(metric=retrieval_metric(1, 10, 20, 30))

VEHICLEID_TESTS = ('vehicleid-800', 'vehicleid-1600', 'vehicleid-2400')


def leaves(
    suffix: str,
    dataset: str,
    tree: str,
    settings: Settings,
    train: tuple[str, str] | None = None,
    test_sets: tuple[str, ...] = ('',),
) -> list[Leaf]:
    """Both sizes; ``train``: dataset and tree to train on, if others."""
    return [
        Leaf(
            f'msvit-{size}_{suffix}', size, dataset, tree, settings,
            *(train or (dataset, tree)), test_sets,
        )
        for size in ('s', 'l')
    ]  # fmt: skip


PUBLISHED = [
    *leaves('occluded-duke', 'OccludedDuke', 'occluded_duke', PERSON),
    *leaves('p-duke', 'PDukeMTMC', 'p_dukemtmc', PERSON),
    *leaves('market1501', 'Market1501', 'market1501', PERSON),
    *leaves('duke', 'DukeMTMC', 'dukemtmc', PERSON),
    *leaves('cuhk03-detected', 'CUHK03NP', 'npdetected', PERSON),
    *leaves('cuhk03-labeled', 'CUHK03NP', 'nplabeled', PERSON),
    *leaves('msmt17', 'MSMT17', 'msmt17', MSMT),
    *leaves('cars196', 'Cars196', 'car196', CARS),
    *leaves('cub200', 'CUB200', 'cub200', CUB),
]

MARKET = ('Market1501', 'market1501')
OTHERS = [
    *leaves('veri', 'VeRi776', 'veri776', VERI),
    *leaves('vehicleid', 'VehicleID', 'vehicleid', VEHICLEID, test_sets=VEHICLEID_TESTS),
    *leaves('sop', 'SOP', 'sop', SOP),
    *leaves('inshop', 'InShop', 'inshop', INSHOP),
    *leaves('university1652', 'University1652', 'university1652', VERI),
    *leaves('occluded-reid', 'OccludedREID', 'occluded_reid', PERSON, MARKET),
    *leaves('partial-reid', 'PartialREID', 'partial_reid', PERSON, MARKET),
]

LEAVES = PUBLISHED + OTHERS
