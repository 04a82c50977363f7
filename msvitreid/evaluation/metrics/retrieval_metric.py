from __future__ import annotations

from collections.abc import Sequence

from mmengine.logging import print_log

from msvitreid.errors import DatasetError
from msvitreid.registry import METRICS

from ..functional import kmeans_nmi, recall_at_k
from .embedding_metric import EmbeddingMetric, Embeddings, check_topk


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
        collect_device: 'cpu' or 'gpu', where processes exchange embeddings.
        prefix: put before every name with a slash; by default nothing is.
    """

    def __init__(
        self,
        topk: Sequence[int] = (1, 2, 4, 8),
        nmi: bool = True,
        seed: int = 0,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
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
            metrics = recall_at_k(images.features, images.pids, self.topk)
        else:
            query, gallery = images.where(images.is_query), images.where(~images.is_query)
            searched = f'{len(query.pids)} queries, {len(gallery.pids)} gallery images'
            metrics = recall_at_k(
                query.features, query.pids, self.topk, gallery.features, gallery.pids
            )
        if self.nmi:
            metrics['NMI'] = kmeans_nmi(images.features, images.pids, seed=self.seed)
        numbers = ', '.join(f'{name} {value:.2%}' for name, value in metrics.items())
        print_log(f'RetrievalMetric: {searched}: {numbers}', logger='current')
        return metrics
