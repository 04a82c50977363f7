"""A finished run on its test set, query by query."""

from __future__ import annotations

import os
from dataclasses import dataclass
from numbers import Real

import numpy as np

from msvitreid.apis.tested_net import TestedNet, ranking_of


@dataclass(frozen=True)
class QueryFigures:
    """Figures of a test, and what each query adds to mAP.

    Attributes:
        metrics: by name, in [0, 1].
        queries: paths of the query images below the dataset's folder.
        identities: of the queries, as the user calls them.
        average_precision: of each query; ``None`` without a match in the gallery.
        data: digest of what the test set lists.
        checkpoint: SHA-256 of the weights.
        fingerprint: of the model.
    """

    metrics: dict[str, float]
    queries: list[str]
    identities: list[str]
    average_precision: list[float | None]
    data: str
    checkpoint: str
    fingerprint: str


def query_figures(net: TestedNet) -> QueryFigures:
    """Test a net on its test set.

    Raises:
        ConfigError: the test ranks no fixed gallery.
        DatasetError: an image cannot be read.
    """
    images = net.test_set
    searched, ranking = ranking_of(net)
    embedded = images.embedded(net.embed(progress=False))
    average_precision = ranking.values(
        embedded.features[searched.query_rows], embedded.features[searched.gallery_rows]
    )['mAP']
    metrics = images.metric.compute_metrics([embedded])
    root = images.dataset.find_root()
    names = images.dataset.id_names
    return QueryFigures(
        {name: float(value) for name, value in metrics.items() if isinstance(value, Real)},
        [os.path.relpath(images.paths[row], root) for row in searched.query_rows],
        [names.full_pid(int(embedded.pids[row])) for row in searched.query_rows],
        [None if np.isnan(value) else float(value) for value in average_precision],
        '; '.join(f'{key}: {text}' for key, text in images.digest.items()),
        net.sha256,
        net.inferencer.fingerprint,
    )
