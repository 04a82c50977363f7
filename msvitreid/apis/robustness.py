"""How much a net loses under corruptions of its test images."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
import torch

from msvitreid.datasets.transforms.image_decoding import read_image
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.robustness import (
    APPLY_TO,
    Condition,
    Corruption,
    Curve,
    NetRobustness,
    RobustnessResult,
    TestedImages,
    make_curve,
    read_result,
    result_json,
)
from msvitreid.utils.files import write_text_atomically

from .tested_net import TestedNet, ranking_of


class Step(NamedTuple):
    """One level that has been measured.

    Attributes:
        condition: its name.
        level: of it.
        mean_ap: there.
        done, total: levels of all conditions, measured in this call.
    """

    condition: str
    level: float
    mean_ap: float
    done: int
    total: int


def measure_robustness(
    net: TestedNet,
    conditions: Sequence[Condition],
    apply_to: str = 'query',
    seed: int = 0,
    resamples: int = 1000,
    workers: int | None = None,
    parts: Path | None = None,
    follow: Callable[[Step], None] = lambda step: None,
) -> RobustnessResult:
    """Rank corrupted images at every level of conditions.

    Images are corrupted as they are decoded, before the test pipeline. Clean images are embedded
    once. mAP and rank-1 are those of the config's protocol: the clean level has the figures of
    ``msvitreid test``.

    Args:
        net: with a test set of fixed queries and gallery.
        conditions: what to test.
        apply_to: which images are corrupted: ``'query'``, ``'gallery'`` or ``'both'``.
        seed: of the corruptions' draws.
        resamples: of the identities, for intervals; 0 for none.
        workers: processes that decode; they do not change the result.
        parts: a folder for a file for each condition, from which a later call with the same
            arguments takes what is done; ``None`` keeps nothing.
        follow: called after every level.

    Returns:
        With one net.

    Raises:
        ConfigError: an option has no such value, or the test ranks no fixed gallery.
        DatasetError: an image cannot be read.
        OutputError: a part cannot be written.
    """
    if apply_to not in APPLY_TO:
        raise ConfigError(f'apply_to must be one of {APPLY_TO}, got {apply_to!r}')
    bench = _Bench(net, workers)
    images = TestedImages(
        net.test_set.dataset.name,
        len(bench.searched.query_rows),
        len(bench.searched.gallery_rows),
        net.test_set.digest,
        apply_to,
        seed,
        resamples,
    )
    fingerprint = net.inferencer.fingerprint
    result = RobustnessResult(images, [NetRobustness(net.name, fingerprint)])
    files = {one.name: _part_file(parts, fingerprint, one, images) for one in conditions}
    kept = {one.name: _kept_curve(files[one.name], result, one) for one in conditions}
    found = {name: curve for name, curve in kept.items() if curve is not None}
    total = sum(len(one.levels) for one in conditions if one.name not in found)
    done = 0
    for condition in conditions:
        if condition.name in found:
            continue
        values = {condition.clean: bench.clean_values}
        donor = bench.people if condition.needs_donor else None
        for level in condition.levels:
            values[level] = bench.values(
                Corruption(condition.name, level, seed, donor), apply_to
            )
            done += 1
            mean_ap = float(np.nanmean(values[level]['mAP']))
            follow(Step(condition.name, level, mean_ap, done, total))
        pids = bench.ranking.query_pids
        curve = make_curve(condition.name, values, pids, resamples)
        found[condition.name] = curve
        if (file := files[condition.name]) is not None:
            part = RobustnessResult(images, [NetRobustness(net.name, fingerprint, [curve])])
            write_text_atomically(file, result_json(part))
    curves = [found[one.name] for one in conditions]
    return RobustnessResult(images, [NetRobustness(net.name, fingerprint, curves)])


def joined_results(results: Sequence[RobustnessResult]) -> RobustnessResult:
    """Nets of several results as one.

    Raises:
        ConfigError: they are of different images or options.
    """
    first = results[0].images
    for one in results:
        if one.images != first:
            raise ConfigError(
                f'{results[0].nets[0].name!r} and {one.nets[0].name!r} are tested on different '
                'images or with different options; their curves cannot be compared'
            )
    return RobustnessResult(first, [net for one in results for net in one.nets])


@dataclass(frozen=True)
class OtherPeople:
    """Draws an image of another identity of the set, whatever the set's order is.

    Attributes:
        names: of the images, sorted.
        paths, pids: of the same.
        value_range: of files of 16 bits.
    """

    names: list[str]
    paths: list[str]
    pids: np.ndarray
    value_range: tuple[int, int] | None = None

    def __call__(self, name: str, rng: np.random.Generator) -> np.ndarray:
        """The decoded image, ``(H, W, 3)`` uint8."""
        own = self.pids[bisect_left(self.names, name)]
        others = np.flatnonzero(self.pids != own)
        return read_image(self.paths[int(rng.choice(others))], self.value_range)


@dataclass(frozen=True)
class _Edit:
    """A corruption as :meth:`TestedNet.embed` takes one; names do not depend on the machine."""

    corruption: Corruption
    root: str

    def __call__(self, pixels: np.ndarray, path: str) -> np.ndarray:
        return self.corruption(pixels, _name(path, self.root))


class _Bench:
    """A test set with what is embedded once.

    Args:
        net: the net with its test set.
        workers: processes that decode.

    Raises:
        ConfigError: the test ranks no fixed gallery.
    """

    def __init__(self, net: TestedNet, workers: int | None) -> None:
        self.net, self.workers = net, workers
        self.root = str(net.test_set.dataset.find_root())
        self.searched, self.ranking = ranking_of(net)

    @cached_property
    def clean(self) -> torch.Tensor:
        """Embeddings of all images as they are."""
        return self.net.embed(workers=self.workers)

    @cached_property
    def clean_values(self) -> dict[str, np.ndarray]:
        values = self.ranking.values(
            self.clean[self.searched.query_rows], self.clean[self.searched.gallery_rows]
        )
        if np.isnan(values['mAP']).all():
            raise DatasetError(
                f'{self.net.name}: no query has a match in the gallery by another camera; check '
                'the pids and camera ids of query and gallery'
            )
        return values

    @cached_property
    def people(self) -> OtherPeople:
        """Who may stand before somebody."""
        images = self.net.test_set
        names = [_name(path, self.root) for path in images.paths]
        _, order = np.unique(names, return_index=True)
        pids = images.labels.pids[order]
        if len(np.unique(pids)) < 2:
            raise ConfigError(
                f'{self.net.name}: images of one identity alone have no other people to cover '
                "them; choose --conditions without 'people'"
            )
        return OtherPeople(
            [names[row] for row in order],
            [images.paths[row] for row in order],
            pids,
            self.net.inferencer.preparation.value_range,
        )

    def values(self, corruption: Corruption, apply_to: str) -> dict[str, np.ndarray]:
        """What each query adds to the figures under a corruption."""
        edit = _Edit(corruption, self.root)
        sides = []
        rows = {'query': self.searched.query_rows, 'gallery': self.searched.gallery_rows}
        for side, chosen in rows.items():
            if apply_to in (side, 'both'):
                embedded = self.net.embed(chosen, edit, progress=False, workers=self.workers)
            else:
                embedded = self.clean[chosen]
            sides.append(embedded)
        return self.ranking.values(*sides)


def _name(path: str, root: str) -> str:
    return PurePath(os.path.relpath(os.path.abspath(path), os.path.abspath(root))).as_posix()


def _part_file(
    parts: Path | None, fingerprint: str, condition: Condition, images: TestedImages
) -> Path | None:
    if parts is None:
        return None
    return parts / f'{fingerprint[:12]}-{images.apply_to}-{condition.name}.json'


def _kept_curve(
    file: Path | None, result: RobustnessResult, condition: Condition
) -> Curve | None:
    """The curve of an earlier call with the same arguments, if there is one."""
    if file is None or not file.exists():
        return None
    kept = read_result(file)
    (net,) = result.nets
    if kept.images != result.images or kept.nets[0].fingerprint != net.fingerprint:
        return None
    curve = kept.nets[0].curve(condition.name)
    levels = [condition.clean, *condition.levels]
    return curve if curve and [one.level for one in curve.levels] == levels else None
