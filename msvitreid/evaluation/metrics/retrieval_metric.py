from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmengine.logging import print_log

from msvitreid.errors import DatasetError
from msvitreid.registry import METRICS

from ..functional import (
    QUERY_CHUNK,
    first_match_ranks,
    kmeans_nmi,
    recall_of_first_ranks,
)
from .embedding_metric import EmbeddingMetric, check_topk
from .embeddings import Embeddings
from .exchange import split_rows


@METRICS.register_module()
class RetrievalMetric(EmbeddingMetric):
    """Recall@k and NMI, the measures of fine-grained and product retrieval.

    If every image is of split 'query', each searches all the others, itself left
    out by index (Cars196, CUB-200-2011, SOP). If some are of split 'gallery', the
    queries search those (In-shop). NMI compares a k-means clustering of all images
    with their classes.

    Args:
        topk: the k of the ``recall@k`` values.
        nmi: also give ``NMI``.
        seed: of the k-means start.
        prefix: put before every name with a slash; by default nothing is.
    """

    def __init__(
        self,
        topk: Sequence[int] = (1, 2, 4, 8),
        nmi: bool = True,
        seed: int = 0,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.topk = check_topk(self, topk)
        self.nmi = nmi
        self.seed = seed

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
        if images.is_query.all():
            searched = f'{len(images.pids)} images, each searching all the others'
            metrics = self._recall(images)
        else:
            query, gallery = images.where(images.is_query), images.where(~images.is_query)
            searched = f'{len(query.pids)} queries, {len(gallery.pids)} gallery images'
            metrics = self._recall(query, gallery)
        if self.nmi:
            # Every process clusters all images. Sharing out seconds of work would take a sum
            # over processes an iteration, rounded differently for every number of them.
            metrics['NMI'] = kmeans_nmi(images.features, images.pids, seed=self.seed)
        numbers = ', '.join(f'{name} {value:.2%}' for name, value in metrics.items())
        print_log(f'RetrievalMetric: {searched}: {numbers}', logger='current')
        return metrics

    def _recall(self, query: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
        gallery_features = None if gallery is None else gallery.features
        gallery_pids = None if gallery is None else gallery.pids

        def first_ranks(start: int, stop: int) -> tuple[np.ndarray]:
            ranks = first_match_ranks(
                query.features, query.pids, gallery_features, gallery_pids, start, stop
            )
            return (ranks,)

        (ranks,) = split_rows(first_ranks, len(query.pids), QUERY_CHUNK)
        return recall_of_first_ranks(ranks, self.topk)
