"""Which identities are trained on, and which images of the others are queries."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.checks import is_number, require_whole

#: Identities that training and a test need at least: of one nothing can be told apart.
LEAST = 2


class Crop(NamedTuple):
    """An image: its path, what its identity is called, and its camera, '' if unknown."""

    path: str
    pid: str
    camid: str


@dataclass(frozen=True)
class Dealing:
    """Images by split, and identities that were treated in a special way.

    Attributes:
        train, query, gallery: images, sorted by path.
        single: identities with one image (copies of the same bytes count once).
        unmatched: identities with several images, none of which the protocol lets find another,
            since all are of one camera; they are trained on, unless they share a file with a
            test identity.
        linked: groups of identities that share a file of the same bytes, which stay together.
    """

    train: tuple[Crop, ...]
    query: tuple[Crop, ...]
    gallery: tuple[Crop, ...]
    single: tuple[str, ...]
    unmatched: tuple[str, ...]
    linked: tuple[tuple[str, ...], ...]


def deal(
    crops: Iterable[Crop],
    copies: Iterable[Sequence[str]] = (),
    *,
    test_fraction: float = 0.3,
    queries_per_camera: int = 2,
    single_images: Literal['gallery', 'train'] = 'gallery',
    seed: int = 0,
) -> Dealing:
    """Deal identities into training and test, and the test's images into queries and gallery.

    An identity is either trained on or tested with. Each query finds an image of its identity in
    the gallery: of another camera where its own is known, else any other. Files of the same
    bytes are never in two splits, so identities that share one go to the same side.

    The choice depends on the seed and on names and paths only, not on their order; an identity
    that is added later moves few of the others.

    Args:
        crops: the images; paths are all different.
        copies: paths of files of the same bytes, a group each; what is in none is unlike others.
        test_fraction: share of the identities that can be tested with, above 0 and below 1.
        queries_per_camera: images of a test identity and camera that become queries, at most.
        single_images: where identities with one image go.
        seed: another one gives another split.

    Raises:
        ConfigError: an option has no such value.
        DatasetError: there are too few identities to train on or to test with.
    """
    _check(test_fraction, queries_per_camera, single_images, seed)
    images = _Images(crops, copies, seed)
    queries = {pid: images.choose_queries(pid, queries_per_camera) for pid in images.of_pid}
    single = {pid for pid in queries if len(images.contents(pid)) == 1}
    testable = {pid for pid, chosen in queries.items() if chosen}
    units = images.units()
    tested = _choose_tested(units, testable, test_fraction)
    if single_images == 'gallery':
        tested |= {pid for unit in units if single.issuperset(unit) for pid in unit}
    trained = [pid for pid in queries if pid not in tested]
    searched = tested & testable
    several = [pid for pid in trained if pid not in single]
    if len(searched) < LEAST or len(several) < LEAST:
        raise _too_few(len(queries), single, testable, images)
    query = {crop for pid in searched for crop in queries[pid]}
    shown = [crop for pid in tested for crop in images.of_pid[pid]]
    return Dealing(
        tuple(sorted(crop for pid in trained for crop in images.of_pid[pid])),
        tuple(sorted(query)),
        tuple(sorted(crop for crop in shown if crop not in query)),
        tuple(sorted(single)),
        tuple(sorted(queries.keys() - testable - single)),
        tuple(sorted(unit for unit in units if len(unit) > 1)),
    )


class _Images:
    """Images by identity, and which are copies of each other."""

    def __init__(
        self, crops: Iterable[Crop], copies: Iterable[Sequence[str]], seed: int
    ) -> None:
        self.seed = seed
        self.of_pid: dict[str, list[Crop]] = defaultdict(list)
        for crop in sorted(crops):
            self.of_pid[crop.pid].append(crop)
        self._content_of = {path: min(group) for group in copies for path in group}
        pids: dict[str, set[str]] = defaultdict(set)
        for pid, own in self.of_pid.items():
            for crop in own:
                pids[self._content(crop)].add(pid)
        #: Contents that several identities have: whose image it is, is not known.
        self._of_several = {content for content, names in pids.items() if len(names) > 1}

    def contents(self, pid: str) -> list[list[Crop]]:
        """Images of an identity in an order drawn by the seed, copies of each other together."""
        groups: dict[str, list[Crop]] = defaultdict(list)
        for crop in self.of_pid[pid]:
            groups[self._content(crop)].append(crop)
        return [groups[content] for content in sorted(groups, key=self._drawn)]

    def units(self) -> list[tuple[str, ...]]:
        """Identities that share a file, together, in an order drawn by the seed."""
        parents = {pid: pid for pid in self.of_pid}

        def root(pid: str) -> str:
            while parents[pid] != pid:
                parents[pid] = pid = parents[parents[pid]]
            return pid

        first: dict[str, str] = {}
        for pid, crops in self.of_pid.items():
            for crop in crops:
                parents[root(pid)] = root(first.setdefault(self._content(crop), pid))
        members: dict[str, list[str]] = defaultdict(list)
        for pid in self.of_pid:
            members[root(pid)].append(pid)
        units = [tuple(sorted(pids)) for pids in members.values()]
        return sorted(units, key=lambda unit: self._drawn(unit[0]))

    def choose_queries(self, pid: str, per_camera: int) -> list[Crop]:
        """Images of an identity that find another one among those that are left; or none."""
        rest = Counter(crop.camid for crop in self.of_pid[pid])
        taken: Counter[str] = Counter()
        chosen: list[Crop] = []
        for group in self.contents(pid):
            if self._content(group[0]) in self._of_several:
                continue
            cameras = Counter(crop.camid for crop in group)
            if any(taken[camid] + count > per_camera for camid, count in cameras.items()):
                continue
            left = rest - cameras
            if all(_is_found(camid, left) for camid in taken.keys() | cameras.keys()):
                rest, taken = left, taken + cameras
                chosen += group
        return chosen

    def _content(self, crop: Crop) -> str:
        return self._content_of.get(crop.path, crop.path)

    def _drawn(self, name: str) -> bytes:
        """A place in an order that no other name has an influence on."""
        text = f'{self.seed}\0{name}'.encode('utf-8', 'surrogateescape')
        return hashlib.sha256(text).digest()


def _is_found(camid: str, gallery: Mapping[str, int]) -> bool:
    """Whether a query of a camera has a match among its identity's gallery images by camera."""
    return bool(gallery) if camid == '' else any(other != camid for other in gallery)


def _choose_tested(
    units: Iterable[Sequence[str]], testable: set[str], test_fraction: float
) -> set[str]:
    wanted = max(LEAST, round(test_fraction * len(testable)))
    tested: set[str] = set()
    for unit in units:
        added = len(testable.intersection(unit))
        if added and len(tested & testable) + added <= wanted:
            tested.update(unit)
    return tested


def _too_few(count: int, single: set[str], testable: set[str], images: _Images) -> DatasetError:
    cameras = {crop.camid for crops in images.of_pid.values() for crop in crops} - {''}
    across = ' by another camera' if cameras else ''
    linked = any(len(unit) > 1 for unit in images.units())
    hint = '; some identities share files of the same bytes' if linked else ''
    return DatasetError(
        f'{count} identities are too few to split, of which {len(single)} have one image and '
        f'{len(testable)} can be tested with, having an image that finds another{across}: at '
        f'least {LEAST} such are needed to test with, and {LEAST} others with several images '
        f'to train on{hint}; add images of more identities'
    )


def _check(
    test_fraction: float, queries_per_camera: int, single_images: str, seed: int
) -> None:
    if not is_number(test_fraction) or not 0 < test_fraction < 1:
        raise ConfigError(f'test_fraction must be between 0 and 1, got {test_fraction!r}')
    require_whole('queries_per_camera', queries_per_camera, 1)
    require_whole('seed', seed, 0)
    if single_images not in ('gallery', 'train'):
        raise ConfigError(f"single_images must be 'gallery' or 'train', got {single_images!r}")
