"""Facts of a run whose test set is embedded: figures, curves, cameras, and ranking lists.

The config's own metric gives the figures, as in ``msvitreid test --bootstrap``; rankings are those
of :mod:`msvitreid.evaluation.functional`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.evaluation.functional import (
    RECALL_LEVELS,
    MarketRule,
    RankedMatches,
    camera_pair_metrics,
    inner_product_rows,
    mean_values,
    pair_curves,
    precision_recall,
    query_values,
    rank_matches,
    score_matches,
    verification_intervals,
)
from msvitreid.evaluation.metrics import EmbeddingMetric, why_not_ranked
from msvitreid.evaluation.metrics import searched as searched_by
from msvitreid.evaluation.metrics.embeddings import Embeddings
from msvitreid.utils.printable import printable

from .data import CameraTable, Curves, Figure, QueryFacts, RunFacts, figures_of
from .groups import group_tables
from .lists import ranking_lists

CMC_RANKS = range(1, 51)

#: Bins of similarity.
EDGES = np.linspace(-1, 1, 81)

#: False match rates of the verification figures.
RATES = (1e-3, 1e-2)


@dataclass(frozen=True)
class TestedRun:
    """What a report is made of.

    Attributes:
        name: of the run.
        images: the test set with its embeddings.
        files: of the images.
        metric: of the config.
        root: the dataset's folder, to which shown paths are relative.
        names: what the user calls identities and cameras.
        tested: what was tested on what, by name.
        versions: of packages.
        config_text: of the run's config.
        fingerprint: of the model.
        speed: of the embedding, by what is counted.
        columns: metadata of images by file, by which queries are grouped.
    """

    name: str
    images: Embeddings
    files: list[str]
    metric: EmbeddingMetric
    root: str
    names: IdNames
    tested: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    config_text: str = ''
    fingerprint: str = ''
    speed: dict[str, str] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)


class Searched(NamedTuple):
    """Queries and what they search; cameras are ``None`` where the protocol knows none.

    ``files`` of images are as the dataset has them.
    """

    query: Embeddings
    gallery: Embeddings
    query_files: list[str]
    gallery_files: list[str]
    self_index: np.ndarray | None
    has_cameras: bool
    ap: str

    @property
    def labels(self) -> tuple[Any, Any, Any, Any]:
        """Identities of both and cameras of both, as measures take them."""
        cameras: Any = (self.query.camids, self.gallery.camids)
        cameras = cameras if self.has_cameras else (None, None)
        return self.query.pids, self.gallery.pids, cameras[0], cameras[1]


def measure_run(
    run: TestedRun, resamples: int = 1000, lists: int = 12, places: int = 10, seed: int = 0
) -> RunFacts:
    """Measure an embedded test set.

    Args:
        run: with queries at least.
        resamples: of the intervals; 0 for none.
        lists: hardest, best and random queries, so many of each.
        places: of their ranking lists.
        seed: draws the random queries; the intervals' seed is always 0, as in a test.

    Raises:
        DatasetError: the metric cannot be computed of these images.
    """
    images, metric = run.images, run.metric
    metric.bootstrap = resamples
    # It may let go of the list, but not of what is in it.
    figures, cameras = figures_of(metric.compute_metrics([images]))
    facts = RunFacts(
        printable(run.name),
        run.tested,
        figures,
        cameras=cameras,
        versions=run.versions,
        config_text=run.config_text,
        fingerprint=run.fingerprint,
        speed=run.speed,
    )
    if reason := why_not_ranked(metric, images):
        missing = dict.fromkeys(
            ('Curves', 'Queries', *([] if cameras else ['Camera pairs'])), reason
        )
        return replace(facts, missing=missing)
    searched = _searched(run)
    rule = MarketRule(*searched.labels, self_index=searched.self_index)
    rows = inner_product_rows(searched.query.features, searched.gallery.features)
    ranked = rank_matches(rows, rule, 0, rule.num_queries)
    ap = searched.ap
    shown_queries, shown_gallery = _shown_images(run, searched)
    queries = _query_facts(shown_queries, ranked, ap)
    values = query_values(ranked, ap, (1,))
    facts = replace(
        facts,
        queries=queries,
        groups=group_tables(
            run.columns, searched.query_files, values, searched.query.pids, resamples
        ),
        lists=ranking_lists(searched, queries, shown_gallery, lists, places, seed),
    )
    try:
        found = pair_curves(rows, rule, EDGES, RATES)
    except ValueError as error:
        facts.missing['Curves'] = str(error)
    else:
        rates = _rates(searched, found.rates, resamples)
        facts = replace(facts, curves=_curves(ranked, found), figures={**rates, **figures})
    if searched.has_cameras:
        return replace(facts, cameras=_camera_table(searched, ap, run.names))
    facts.missing['Camera pairs'] = 'no camera is known, or the protocol does not use them'
    return facts


def _query_facts(
    shown: list[tuple[str, str, str]], ranked: RankedMatches, ap: str
) -> list[QueryFacts]:
    values = query_values(ranked, ap, (1,))['mAP']
    first = score_matches(ranked, ap).first_rank
    return [
        QueryFacts(*one, None if np.isnan(value) else float(value), int(rank) or None)
        for one, value, rank in zip(shown, values, first, strict=True)
    ]


def _searched(run: TestedRun) -> Searched:
    """Queries and gallery as the metric has them."""
    found = searched_by(run.metric, run.images)
    parts = []
    for rows in (found.query_rows, found.gallery_rows):
        chosen = np.zeros(len(run.files), dtype=bool)
        chosen[rows] = True
        parts.append((run.images.where(chosen), [run.files[row] for row in rows]))
    (query, query_files), (gallery, gallery_files) = parts
    return Searched(
        query,
        gallery,
        query_files,
        gallery_files,
        found.self_index,
        found.has_cameras,
        found.ap,
    )


def _curves(ranked: RankedMatches, found: Any) -> Curves:
    means = mean_values(query_values(ranked, 'plain', CMC_RANKS))
    return Curves(
        [(k, means[f'rank-{k}']) for k in CMC_RANKS],
        _pairs(RECALL_LEVELS, precision_recall(ranked)),
        _pairs(found.fmr, found.fnmr),
        [round(float(edge), 6) for edge in EDGES],
        found.same.tolist(),
        found.different.tolist(),
    )


def _rates(searched: Searched, rates: dict[str, float], resamples: int) -> dict[str, Figure]:
    """Figures of verification with their intervals."""
    intervals = {}
    if resamples:
        intervals = verification_intervals(
            searched.query.features,
            searched.gallery.features,
            *searched.labels,
            fprs=RATES,
            resamples=resamples,
            self_index=searched.self_index,
        )
    named = {name: value for name, value in rates.items() if not name.startswith('num_')}
    return {name: Figure(value, *intervals.get(name, ())) for name, value in named.items()}


def _pairs(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _camera_table(searched: Searched, ap: str, names: IdNames) -> CameraTable:
    table = camera_pair_metrics(
        searched.query.features,
        searched.gallery.features,
        *searched.labels,
        ap=ap,
        topk=(1,),
        self_index=searched.self_index,
    )
    return CameraTable(
        [_camera(names, one) or 'unknown' for one in table.query_cameras.tolist()],
        [_camera(names, one) or 'unknown' for one in table.gallery_cameras.tolist()],
        [[None if np.isnan(v) else float(v) for v in row] for row in table.figures['mAP']],
        table.num_matched.tolist(),
    )


def _shown_images(run: TestedRun, searched: Searched) -> list[list[tuple[str, str, str]]]:
    """Path, identity and camera of the queries and of the gallery, as they are shown."""
    return [
        [
            (shown_path(file, run.root), run.names.pid(pid), _camera(run.names, camid))
            for file, pid, camid in zip(
                files, side.pids.tolist(), side.camids.tolist(), strict=True
            )
        ]
        for files, side in (
            (searched.query_files, searched.query),
            (searched.gallery_files, searched.gallery),
        )
    ]


def _camera(names: IdNames, camid: int) -> str:
    return names.camid(camid) if camid >= 0 else ''


def shown_path(file: str, root: str) -> str:
    """A path below the dataset's folder, or of a file elsewhere its name alone."""
    relative = os.path.relpath(os.path.abspath(file), os.path.abspath(root))
    is_below = relative != os.pardir and not relative.startswith(os.pardir + os.sep)
    return printable(relative if is_below else os.path.basename(file))
