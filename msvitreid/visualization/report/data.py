"""What a report says, as plain values: ``report.json`` holds these and the page shows them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from msvitreid.evaluation.robustness import RobustnessResult, result_dict

#: What ``EmbeddingMetric`` calls the ends of a figure's interval.
_END = re.compile(r'(.+)-ci95-(low|high)')

#: What ``ReIDMetric`` calls the mAP of two cameras.
_CAMERA_PAIR = re.compile(r'mAP/c(-?\d+)-c(-?\d+)')

Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval over identities, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curves:
    """Curves of one run.

    Attributes:
        cmc: ``(k, rank-k)`` of queries with a match.
        precision_recall: ``(recall, precision)``, means over queries.
        det: ``(false match rate, false non-match rate)``, thresholds ascending.
        edges: of the bins of similarity.
        same: pairs of one identity in each bin.
        different: pairs of two identities in each bin.
    """

    cmc: Pairs
    precision_recall: Pairs
    det: Pairs
    edges: list[float]
    same: list[int]
    different: list[int]


@dataclass(frozen=True)
class CameraTable:
    """mAP of queries of a camera (rows) among the gallery images of another (columns).

    ``None`` stands where no query has a match; ``num_queries`` is empty where it is unknown.
    """

    query_cameras: list[str]
    gallery_cameras: list[str]
    mean_ap: list[list[float | None]]
    num_queries: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class QueryFacts:
    """How one query fared; ``None`` where it has no match in the gallery."""

    path: str
    pid: str
    camera: str
    average_precision: float | None
    first_match: int | None


@dataclass(frozen=True)
class Place:
    """One image of a ranking list.

    Attributes:
        rank: from 1; ``None`` for an image that the protocol leaves out.
        verdict: ``'right'``, ``'wrong'`` or ``'left out'``.
        file: where the image lies; not written anywhere.
    """

    rank: int | None
    verdict: str
    path: str
    pid: str
    camera: str
    similarity: float
    file: str = field(repr=False)


@dataclass(frozen=True)
class RankingList:
    """A query, and what it found, most similar first; ``file`` as in :class:`Place`."""

    query: QueryFacts
    places: list[Place]
    file: str = field(repr=False)


@dataclass(frozen=True)
class GroupRow:
    """Figures ``mAP`` and ``rank-1`` of a group of queries; none where none has a match."""

    label: str
    queries: int
    matched: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class GroupTable:
    """Groups of queries by a column of metadata."""

    column: str
    rows: list[GroupRow]


@dataclass(frozen=True)
class RunFacts:
    """One run or test result.

    Attributes:
        name: what it is called in the report.
        tested: what was tested on what, by name.
        figures: by name, shares in [0, 1].
        curves, cameras: ``None`` where they are missing.
        queries: all of them, in the order of the test set.
        lists: ``'hardest'``, ``'best'`` and ``'random'`` queries.
        missing: why a section is missing, by its name.
        versions: of packages.
        config_text: of the run's config.
        fingerprint: of the model, '' if unknown.
        speed: of the embedding, by what is counted; empty if nothing was embedded.
        groups: figures of groups of queries, a table for each column of metadata.
    """

    name: str
    tested: dict[str, str]
    figures: dict[str, Figure]
    curves: Curves | None = None
    cameras: CameraTable | None = None
    queries: list[QueryFacts] = field(default_factory=list)
    lists: dict[str, list[RankingList]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    config_text: str = ''
    fingerprint: str = ''
    speed: dict[str, str] = field(default_factory=dict)
    groups: list[GroupTable] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All that a report holds.

    Attributes:
        runs: side by side.
        card: a calibration card as its file has it, or ``None``.
        card_of: names of the runs whose model the card is of; none where that is unknown.
        robustness: results of ``msvitreid robustness``.
    """

    runs: list[RunFacts]
    card: Mapping[str, Any] | None = None
    card_of: list[str] = field(default_factory=list)
    robustness: list[RobustnessResult] = field(default_factory=list)

    @property
    def figure_names(self) -> list[str]:
        """Of all runs, in the order in which they come."""
        return list(dict.fromkeys(name for run in self.runs for name in run.figures))


def figures_of(metrics: Mapping[str, float]) -> tuple[dict[str, Figure], CameraTable | None]:
    """Figures with their intervals, and those of pairs of cameras as a table.

    Args:
        metrics: as a metric gives them and ``msvitreid test --out`` writes them.
    """
    ends = {found[1]: 0 for name in metrics if (found := _END.fullmatch(name))}
    pairs: dict[tuple[int, int], float] = {}
    figures = {}
    for name, value in metrics.items():
        if (found := _END.fullmatch(name)) and found[1] in metrics:
            continue
        if found := _CAMERA_PAIR.fullmatch(name):
            pairs[int(found[1]), int(found[2])] = float(value)
            continue
        low, high = (
            metrics.get(f'{name}-ci95-{end}') if name in ends else None
            for end in ('low', 'high')
        )
        figures[name] = Figure(float(value), low, high)
    if not pairs:
        return figures, None
    rows, columns = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
    table = [[pairs.get((row, column)) for column in columns] for row in rows]
    return figures, CameraTable([*map(str, rows)], [*map(str, columns)], table)


def as_plain(value: Any) -> Any:
    """``value`` as JSON can hold it: NaN is ``None``; places of files are left out."""
    if isinstance(value, RobustnessResult):
        return result_dict(value)
    if is_dataclass(value):
        kept = (one.name for one in fields(value) if one.name != 'file')
        return {name: as_plain(getattr(value, name)) for name in kept}
    if isinstance(value, Mapping):
        return {str(key): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [as_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
