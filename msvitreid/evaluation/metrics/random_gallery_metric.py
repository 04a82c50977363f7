from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from mmengine.logging import print_log

from msvitreid.errors import DatasetError
from msvitreid.evaluation.functional import MarketRule, inner_product_rows, mean_values
from msvitreid.registry import METRICS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count, CountOrZero

from .across_processes import rank_across_processes
from .embedding_metric import EmbeddingMetric, check_topk
from .embeddings import Embeddings


@METRICS.register_module()
@checked
class RandomGalleryMetric(EmbeddingMetric):
    """mAP and rank-k over galleries drawn at random, the protocol of VehicleID.

    In each draw one random image of every identity becomes the gallery and all other
    images search it; no camera is looked at. Figures are means over the draws, and
    ``<name>-std`` their population deviation (the square root of the mean squared
    distance from the mean). The draws depend on the seed and on the identities in the
    order of the dataset, on nothing else. An identity with one image is only ever
    searched for in vain: it is in every gallery and has no query.

    A query has exactly one match, at rank r, so its plain AP is 1/r, and its trapezoid
    AP 1 where r = 1 and 1/(2r) elsewhere: compare figures of one definition only.

    Args:
        draws: how many galleries.
        seed: of the draws.
        ap: average precision, ``'trapezoid'`` or ``'plain'``; see :class:`ReIDMetric`.
        topk: the k of the ``rank-k`` values.
        bootstrap: resamples for 95 % intervals over identities, 0 for no intervals; see
            :class:`EmbeddingMetric`. An identity brings its queries of all draws.
        prefix: put before every name with a slash; by default nothing is.
    """

    def __init__(
        self,
        draws: Count = 10,
        seed: CountOrZero = 0,
        ap: Literal['trapezoid', 'plain'] = 'trapezoid',
        topk: Sequence[int] = (1, 5),
        bootstrap: CountOrZero = 0,
        prefix: str | None = None,
    ) -> None:
        super().__init__(bootstrap=bootstrap, prefix=prefix)
        self.draws = draws
        self.seed = seed
        self.ap = ap
        self.topk = check_topk(self, topk)

    def score(self, images: Embeddings) -> dict[str, float]:
        """Draw the galleries and search each.

        Args:
            images: of one test set, all of split 'query'.

        Returns:
            ``mAP`` and ``rank-k``, floats in [0, 1], then the same names with ``-std``.

        Raises:
            DatasetError: an image is of split 'gallery', or no identity has two images.
        """
        if not images.is_query.all():
            raise DatasetError(
                'RandomGalleryMetric draws its galleries itself, but '
                f"{(~images.is_query).sum()} of the test images are of split 'gallery': give "
                "it the images of split 'query' only, or use ReIDMetric"
            )
        num_identities = len(np.unique(images.pids))
        num_queries = len(images.pids) - num_identities
        if not num_queries:
            raise DatasetError(
                f'RandomGalleryMetric: each of the {num_identities} identities has a single '
                'image, so nothing is left to search with'
            )
        rng = np.random.default_rng(self.seed)
        galleries = [random_gallery(images.pids, rng) for _ in range(self.draws)]
        values = [self._search(images, in_gallery) for in_gallery in galleries]
        draws = [mean_values(of_draw) for of_draw in values]
        draws = [{name: draw[name] for name in values[0]} for draw in draws]
        metrics = {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
        deviations = {name: float(np.std([draw[name] for draw in draws])) for name in metrics}

        numbers = ', '.join(
            f'{name} {value:.2%} ± {deviations[name]:.2%}' for name, value in metrics.items()
        )
        print_log(
            f'RandomGalleryMetric: {self.ap} AP, mean ± population deviation over '
            f'{self.draws} random galleries (seed {self.seed}), {num_queries} queries, '
            f'{num_identities} gallery images: {numbers}',
            logger='current',
        )
        intervals = self.intervals(
            {name: np.concatenate([draw[name] for draw in values]) for name in metrics},
            np.concatenate([images.pids[~in_gallery] for in_gallery in galleries]),
        )
        if intervals:
            self.log('the same', metrics, intervals)
        return {
            **metrics,
            **{f'{name}-std': value for name, value in deviations.items()},
            **self.interval_figures(intervals),
        }

    def _search(self, images: Embeddings, in_gallery: np.ndarray) -> dict[str, np.ndarray]:
        query, gallery = images.where(~in_gallery), images.where(in_gallery)
        similarity = inner_product_rows(query.features, gallery.features)
        rule = MarketRule(query.pids, gallery.pids)
        values = rank_across_processes(similarity, rule, self.ap, self.topk)
        return {name: values[name] for name in ('mAP', *(f'rank-{k}' for k in self.topk))}


def random_gallery(pids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(N,)`` booleans: one random image of each identity, all of its images alike likely."""
    shuffled = rng.permutation(len(pids))
    _, first = np.unique(pids[shuffled], return_index=True)
    in_gallery = np.zeros(len(pids), dtype=bool)
    in_gallery[shuffled[first]] = True
    return in_gallery
