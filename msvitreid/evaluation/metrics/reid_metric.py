from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import METRICS

from ..functional import KReciprocalDistances, MarketRule, inner_product_rows
from ..functional.average_precision import check_ap_definition
from ..functional.k_reciprocal_rerank import check_rerank_parameters
from .embedding_metric import EmbeddingMetric, check_topk
from .embeddings import Embeddings
from .exchange import split_rows
from .ranking import rank_across_processes

RERANK_DEFAULTS = {'k1': 20, 'k2': 6, 'lambda_value': 0.3}


@METRICS.register_module()
class ReIDMetric(EmbeddingMetric):
    """mAP, mINP and rank-k of a query and a gallery set under the Market rule.

    Gallery images of the query's identity and camera are left out; if no image of
    the dataset has a camera, nothing is. Queries without a match are left out of
    the means. The log says which average precision it is and how many queries,
    gallery images and unmatched queries there were.

    Args:
        ap: average precision, ``'trapezoid'`` (original Market-1501 code, the
            published figures') or ``'plain'`` (mean precision at the hits).
        topk: the k of the ``rank-k`` values.
        rerank: if given, also rank by k-reciprocal encoding and give the values a
            second time as ``mAP-rerank``, ``rank-1-rerank``, ... A dict of any of
            ``k1`` (20), ``k2`` (6), ``lambda_value`` (0.3).
        prefix: put before every name with a slash; by default nothing is.

    Raises:
        ConfigError: an argument is not one of the above.
    """

    def __init__(
        self,
        ap: str = 'trapezoid',
        topk: Sequence[int] = (1, 5, 10),
        rerank: dict | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.ap = ap
        self.topk = check_topk(self, topk)
        self.rerank: dict | None = None
        try:
            check_ap_definition(ap)
            if rerank is not None:
                self.rerank = {**RERANK_DEFAULTS, **rerank}
                check_rerank_parameters(**self.rerank)
        except ValueError as error:
            raise ConfigError(f'ReIDMetric: {error}') from error
        except TypeError as error:
            raise ConfigError(
                f'ReIDMetric: rerank takes a dict of {", ".join(RERANK_DEFAULTS)}, got {rerank}'
            ) from error

    def score(self, images: Embeddings) -> dict[str, float]:
        """Rank the gallery for every query.

        Args:
            images: of one test set.

        Returns:
            ``mAP``, ``mINP``, ``rank-k``, floats in [0, 1]; with ``rerank`` the same
            names with ``-rerank``.

        Raises:
            DatasetError: no query, no gallery image, or no query has a match.
        """
        query, gallery = images.where(images.is_query), images.where(~images.is_query)
        for split, part in (('query', query), ('gallery', gallery)):
            if not len(part.pids):
                raise DatasetError(
                    f'ReIDMetric got {len(images.pids)} images but none of split {split!r}: '
                    'the test dataset must hold both query and gallery'
                )
        if (images.camids == -1).all():
            print_log(
                'ReIDMetric: no image has a camera id, so no gallery image is left out for '
                "being of the query's camera",
                logger='current',
            )
        rule = MarketRule(query.pids, gallery.pids, query.camids, gallery.camids)

        similarity = inner_product_rows(query.features, gallery.features)
        metrics = rank_across_processes(similarity, rule, self.ap, self.topk)
        num_queries, num_unmatched = metrics.pop('num_queries'), metrics.pop('num_unmatched')
        if num_unmatched == num_queries:
            raise DatasetError(
                f'ReIDMetric: none of the {num_queries} queries has a match in the gallery '
                'by another camera: check the pids and camera ids of query and gallery'
            )
        self._log(
            f'{self.ap} AP, {num_queries} queries ({num_unmatched} without a match in the '
            f'gallery, left out of the means), {len(gallery.pids)} gallery images',
            metrics,
        )
        if self.rerank is not None:
            reranked = self._reranked(query.features, gallery.features, rule)
            settings = ', '.join(f'{name} {value}' for name, value in self.rerank.items())
            self._log(f're-ranked by k-reciprocal encoding with {settings}', reranked)
            metrics.update(reranked)
        return metrics

    def _reranked(
        self, query: torch.Tensor, gallery: torch.Tensor, rule: MarketRule
    ) -> dict[str, float]:
        assert self.rerank is not None
        distances = KReciprocalDistances(query, gallery, **self.rerank, split=split_rows)

        def similarity(start: int, stop: int) -> torch.Tensor:
            return -torch.from_numpy(distances.rows(start, stop))

        metrics = rank_across_processes(similarity, rule, self.ap, self.topk)
        return {
            f'{name}-rerank': value
            for name, value in metrics.items()
            if not name.startswith('num_')
        }

    @staticmethod
    def _log(what: str, metrics: dict[str, float]) -> None:
        numbers = ', '.join(f'{name} {value:.2%}' for name, value in metrics.items())
        print_log(f'ReIDMetric: {what}: {numbers}', logger='current')
