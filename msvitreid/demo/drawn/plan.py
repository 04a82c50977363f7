"""What is to be drawn: the parameters of a sample dataset and its list of pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from msvitreid.errors import ConfigError

FOLDER = 'Occluded_Duke'
TRAIN, QUERY, GALLERY = 'bounding_box_train', 'query', 'bounding_box_test'
# File names give a pid four digits, and 0 is the field's distractor.
MOST_IDS = 9999


class Picture(NamedTuple):
    """One file to be drawn."""

    folder: str
    pid: int
    camid: int
    frame: int

    @property
    def name(self) -> str:
        """File name in the style of Occluded-Duke."""
        return f'{self.pid:04d}_c{self.camid}_f{self.frame:07d}.jpg'


@dataclass(frozen=True)
class SyntheticStatistics:
    """Counts of a sample dataset."""

    train_ids: int
    test_ids: int
    cams: int
    train_images: int
    query_images: int
    gallery_images: int


@dataclass(frozen=True)
class Parameters:
    """All that the bytes of a sample dataset depend on; see :func:`make_synthetic`."""

    num_train_ids: int
    num_test_ids: int
    num_cams: int
    images_per_id: int
    gallery_per_id: int
    queries_per_id: int
    occluded_share: float
    size: tuple[int, int]
    seed: int

    def __post_init__(self) -> None:
        least = {
            'num_train_ids': 2,
            'num_test_ids': 2,
            'num_cams': 2,
            'images_per_id': 1,
            'gallery_per_id': 2,
            'queries_per_id': 1,
            'seed': 0,
        }
        for name, bound in least.items():
            _check_integer(name, getattr(self, name), bound)
        if len(self.size) != 2:
            raise ConfigError(f'size is {self.size}, give a height and a width in pixels')
        _check_integer('height', self.size[0], 32)
        _check_integer('width', self.size[1], 16)
        if not 0 <= self.occluded_share <= 1:
            raise ConfigError(
                f'occluded_share is {self.occluded_share}, give a share between 0 and 1'
            )
        ids = self.num_train_ids + self.num_test_ids
        if ids > MOST_IDS:
            raise ConfigError(
                f'num_train_ids + num_test_ids is {ids}, but four-digit file names tell only '
                f'{MOST_IDS} identities apart: ask for fewer'
            )

    def as_json(self) -> dict[str, object]:
        """The parameters as they come back from a JSON file."""
        return {**asdict(self), 'size': list(self.size)}

    def statistics(self) -> SyntheticStatistics:
        """What a complete set of these parameters holds."""
        return SyntheticStatistics(
            train_ids=self.num_train_ids,
            test_ids=self.num_test_ids,
            cams=self.num_cams,
            train_images=self.num_train_ids * self.images_per_id,
            query_images=self.num_test_ids * self.queries_per_id,
            gallery_images=self.num_test_ids * self.gallery_per_id,
        )


def plan_identity(parameters: Parameters, pid: int) -> list[Picture]:
    """The pictures of one identity; pids 1 to ``num_train_ids`` train, the others test.

    Every query has gallery pictures of its pid by other cameras.
    """
    rng = np.random.default_rng([parameters.seed, pid])
    if pid <= parameters.num_train_ids:
        shares = [(TRAIN, parameters.images_per_id)]
    else:
        shares = [(QUERY, parameters.queries_per_id), (GALLERY, parameters.gallery_per_id)]
    # Not everybody passes every camera.
    seen_by = int(rng.integers(min(3, parameters.num_cams), parameters.num_cams + 1))
    cameras = 1 + rng.permutation(parameters.num_cams)[:seen_by]
    frame = int(rng.integers(100_000))
    pictures = []
    for folder, count in shares:
        for i in range(count):
            frame += int(rng.integers(30, 90))
            camid = int(cameras[i % seen_by])
            pictures.append(Picture(folder, pid, camid, frame))
    return pictures


def _check_integer(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f'{name} is {value!r}, give a whole number of at least {least}')
