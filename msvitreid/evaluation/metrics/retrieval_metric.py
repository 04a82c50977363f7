from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import (
    QUERY_CHUNK,
    adjusted_mutual_information,
    bootstrap_labelings,
    extra_values,
    kmeans,
    normalized_mutual_information,
    rank_classes,
    recall_values,
    score_matches,
)
from msvitreid.evaluation.functional.similarities_to_map import check_extra_measures
from msvitreid.registry import METRICS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import CountOrZero
from msvitreid.utils.exchange import split_rows

from .embedding_metric import EmbeddingMetric, check_topk
from .embeddings import Embeddings


@METRICS.register_module()
@checked
class RetrievalMetric(EmbeddingMetric):
    """Recall@k and NMI, the measures of fine-grained and product retrieval.

    If every image is of split 'query', each searches all the others, itself left
    out by index (Cars196, CUB-200-2011, SOP). If some are of split 'gallery', the
    queries search those (In-shop). NMI compares a k-means clustering of all images
    with their classes.

    Args:
        topk: the k of the ``recall@k`` values.
        nmi: also give ``NMI``.
        ami: also give ``AMI``, adjusted for chance, of the same clustering.
        seed: of the k-means start.
        extra: further figures, any of ``'precision'`` (``precision@k`` for every k),
            ``'R-precision'``, ``'MAP@R'``, ``'MRR'``; an image that is alone in its class
            counts as 0. See :func:`extra_values`.
        bootstrap: resamples for 95 % intervals over classes, 0 for no intervals; see
            :class:`EmbeddingMetric`. For NMI and AMI the clusters stay as they are.
        prefix: put before every name with a slash; by default nothing is.

    Raises:
        ConfigError: an argument is not one of the above.
    """

    def __init__(
        self,
        topk: Sequence[int] = (1, 2, 4, 8),
        nmi: bool = True,
        ami: bool = False,
        seed: Annotated[int, Ge(0), Lt(2**63)] = 0,
        extra: Sequence[str] = (),
        bootstrap: CountOrZero = 0,
        prefix: str | None = None,
    ) -> None:
        super().__init__(bootstrap=bootstrap, prefix=prefix)
        self.topk = check_topk(self, topk)
        self.nmi = nmi
        self.ami = ami
        self.seed = seed
        try:
            self.extra = check_extra_measures(extra)
        except ValueError as error:
            raise ConfigError(f'RetrievalMetric: {error}') from error

    def score(self, images: Embeddings) -> dict[str, float]:
        """Search and cluster.

        Args:
            images: of one test set.

        Returns:
            ``recall@k`` and ``NMI``, floats in [0, 1].

        Raises:
            DatasetError: no image is of split 'query'.
        """
        if not images.is_query.any():
            raise DatasetError(
                f"RetrievalMetric got {len(images.pids)} images but none of split 'query': "
                "for self-retrieval every test image must be of split 'query'"
            )
        query, gallery = images, None
        searched = f'{len(images.pids)} images, each searching all the others'
        if not images.is_query.all():
            query, gallery = images.where(images.is_query), images.where(~images.is_query)
            searched = f'{len(query.pids)} queries, {len(gallery.pids)} gallery images'
        values = self._values(query, gallery)
        metrics = {name: float(value.mean()) for name, value in values.items()}
        intervals = self.intervals(values, query.pids)
        measures = {
            **({'NMI': normalized_mutual_information} if self.nmi else {}),
            **({'AMI': adjusted_mutual_information} if self.ami else {}),
        }
        if measures:
            # Every process clusters all images: that is short, and the same everywhere.
            num_classes = len(np.unique(images.pids))
            clusters = kmeans(images.features, num_classes, seed=self.seed).numpy()
            for name, measure in measures.items():
                metrics[name] = measure(images.pids, clusters)
                if self.bootstrap:
                    intervals[name] = bootstrap_labelings(
                        measure, images.pids, clusters, self.bootstrap
                    )
        self.log(searched, metrics, intervals)
        return metrics | self.interval_figures(intervals)

    def _values(self, query: Embeddings, gallery: Embeddings | None) -> dict[str, np.ndarray]:
        """What each query adds to the means."""
        gallery_features = None if gallery is None else gallery.features
        gallery_pids = None if gallery is None else gallery.pids
        names: list[str] = []

        def values(start: int, stop: int) -> tuple[np.ndarray, ...]:
            ranked = rank_classes(
                query.features, query.pids, gallery_features, gallery_pids, start, stop
            )
            first_ranks = score_matches(ranked, 'plain').first_rank
            more = extra_values(ranked, self.topk, self.extra)
            found = recall_values(first_ranks, self.topk) | {
                name: np.nan_to_num(value) for name, value in more.items()
            }
            names.extend(found)
            return tuple(found.values())

        arrays = split_rows(values, len(query.pids), QUERY_CHUNK)
        return dict(zip(names, arrays, strict=True))
