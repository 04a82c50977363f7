from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .embedding_metric import EmbeddingMetric
from .embeddings import Embeddings
from .reid_metric import ReIDMetric
from .retrieval_metric import RetrievalMetric
from .self_retrieval import one_gallery_of_all


class Searched(NamedTuple):
    """Queries and what they search, as a metric has them.

    Attributes:
        query_rows: ``(Q,)`` positions of the queries among the images.
        gallery_rows: ``(G,)`` positions of the images that are searched.
        self_index: ``(Q,)`` where each query's own image is among the searched ones; ``None`` where
            no query is.
        has_cameras: whether the protocol uses cameras and one is known.
        ap: average precision.
    """

    query_rows: np.ndarray
    gallery_rows: np.ndarray
    self_index: np.ndarray | None
    has_cameras: bool
    ap: str


def why_not_ranked(metric: EmbeddingMetric, images: Embeddings) -> str:
    """Why there is no one ranking for each query, or ''."""
    if any(images.datasets):
        return 'the test set is joined of several; use one of them'
    if not isinstance(metric, ReIDMetric | RetrievalMetric):
        return f'{type(metric).__name__} ranks no fixed gallery'
    return ''


def searched(metric: EmbeddingMetric, images: Embeddings) -> Searched:
    """Queries and gallery of a metric that :func:`why_not_ranked` has nothing against.

    Args:
        metric: of the test.
        images: of one test set; embeddings do not matter.

    Raises:
        DatasetError: see :func:`one_gallery_of_all`.
    """
    self_index = None
    gallery = ~images.is_query
    if isinstance(metric, ReIDMetric) and metric.self_retrieval:
        gallery, self_index = one_gallery_of_all(images)
    elif not gallery.any():
        gallery, self_index = images.is_query, np.arange(len(images.pids))
    return Searched(
        np.flatnonzero(images.is_query),
        np.flatnonzero(gallery),
        self_index,
        isinstance(metric, ReIDMetric) and bool((images.camids != -1).any()),
        getattr(metric, 'ap', 'plain'),
    )
