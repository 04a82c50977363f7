from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.functional import (
    QUERY_CHUNK,
    CameraPairs,
    KReciprocalDistances,
    MarketRule,
    camera_pair_metrics,
    expand_queries,
    inner_product_rows,
    mean_values,
)
from msvitreid.evaluation.functional.reranking import (
    EXPANSION_DEFAULTS,
    RERANK_DEFAULTS,
    check_expansion_parameters,
    check_rerank_parameters,
)
from msvitreid.evaluation.functional.similarities_to_map import (
    check_extra_measures,
)
from msvitreid.evaluation.functional.similarity import SimilarityRows
from msvitreid.evaluation.functional.verification import check_fprs
from msvitreid.registry import METRICS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import CountOrZero
from msvitreid.utils.exchange import split_rows

from .across_processes import rank_across_processes, verify_across_processes
from .embedding_metric import EmbeddingMetric, check_topk
from .embeddings import Embeddings
from .self_retrieval import one_gallery_of_all


@METRICS.register_module()
@checked
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
        query_expansion: if given, also rank for expanded queries and give the values
            again as ``mAP-qe``, ... A dict of any of ``k`` (10), ``alpha`` (3.0; 0 is the
            plain average); see :func:`expand_queries`.
        extra: further figures, any of ``'precision'`` (``precision@k`` for every k),
            ``'R-precision'``, ``'MAP@R'``, ``'MRR'``; see :func:`extra_values`.
        fprs: if given, false positive rates of verification: adds ``EER`` and
            ``TPR@FPR=<rate>`` for each; see :func:`verification_metrics`.
        camera_pairs: also give ``mAP/c<query camera>-c<gallery camera>`` for all pairs
            of cameras that have a match, and log them as a table; see
            :func:`camera_pair_metrics`.
        self_retrieval: every query searches all other images, of split 'query' and 'gallery'.
            Images of one path are one image, which is left out of its own ranking. Without
            this, queries search the images of split 'gallery' only, all of them.
        bootstrap: resamples for 95 % intervals over identities, 0 for no intervals; see
            :class:`EmbeddingMetric`.
        prefix: put before every name with a slash; by default nothing is.

    Raises:
        ConfigError: an argument is not one of the above.
    """

    def __init__(
        self,
        ap: Literal['trapezoid', 'plain'] = 'trapezoid',
        topk: Sequence[int] = (1, 5, 10),
        rerank: dict[str, Any] | None = None,
        query_expansion: dict[str, Any] | None = None,
        extra: Sequence[str] = (),
        fprs: Sequence[float] | None = None,
        camera_pairs: bool = False,
        self_retrieval: bool = False,
        bootstrap: CountOrZero = 0,
        prefix: str | None = None,
    ) -> None:
        super().__init__(bootstrap=bootstrap, prefix=prefix)
        self.ap = ap
        self.topk = check_topk(self, topk)
        self.camera_pairs = camera_pairs
        self.self_retrieval = self_retrieval
        self.rerank = self._options('rerank', rerank, RERANK_DEFAULTS)
        self.query_expansion = self._options(
            'query_expansion', query_expansion, EXPANSION_DEFAULTS
        )
        try:
            self.extra = check_extra_measures(extra)
            self.fprs = None if fprs is None else check_fprs(fprs)
            if self.rerank is not None:
                check_rerank_parameters(**self.rerank)
            if self.query_expansion is not None:
                check_expansion_parameters(**self.query_expansion)
        except ValueError as error:
            raise ConfigError(f'ReIDMetric: {error}') from error

    @staticmethod
    def _options(name: str, given: Any, defaults: Mapping[str, Any]) -> dict[str, Any] | None:
        if given is None:
            return None
        if not isinstance(given, Mapping) or not given.keys() <= defaults.keys():
            raise ConfigError(
                f'ReIDMetric: {name} takes a dict of {", ".join(defaults)}, got {given}'
            )
        return {**defaults, **given}

    def score(self, images: Embeddings) -> dict[str, float]:
        """Rank the gallery for every query.

        Args:
            images: of one test set.

        Returns:
            ``mAP``, ``mINP``, ``rank-k``, floats in [0, 1], and what further options ask for.

        Raises:
            DatasetError: no query, no gallery image, or no query has a match.
        """
        query, gallery, self_index = self._parts(images)
        if (images.camids == -1).all():
            print_log(
                'ReIDMetric: no image has a camera id, so no gallery image is left out for '
                "being of the query's camera",
                logger='current',
            )
        labels = query.pids, gallery.pids, query.camids, gallery.camids
        rule = MarketRule(*labels, self_index)

        similarity = inner_product_rows(query.features, gallery.features)
        values = rank_across_processes(similarity, rule, self.ap, self.topk, self.extra)
        num_unmatched = int(np.isnan(values['mAP']).sum())
        if num_unmatched == len(query.pids):
            raise DatasetError(
                f'ReIDMetric: none of the {len(query.pids)} queries has a match in the gallery '
                'by another camera: check the pids and camera ids of query and gallery'
            )
        itself = ', each image left out of its own ranking' if self.self_retrieval else ''
        metrics = self._figures(
            f'{self.ap} AP, {len(query.pids)} queries ({num_unmatched} without a match in the '
            f'gallery, left out of the means), {len(gallery.pids)} gallery images{itself}',
            values,
            query.pids,
        )
        if self.fprs is not None:
            metrics.update(self._verified(similarity, rule, query.pids))
        if self.camera_pairs:
            table = camera_pair_metrics(
                query.features,
                gallery.features,
                *labels,
                ap=self.ap,
                topk=self.topk,
                self_index=self_index,
                resamples=self.bootstrap,
            )
            print_log(f'ReIDMetric: mAP\n{camera_table(table)}', logger='current')
            metrics.update(camera_figures(table))
            metrics.update(self.interval_figures(camera_intervals(table)))
        if self.rerank is not None:
            distances = KReciprocalDistances(
                query.features,
                gallery.features,
                **self.rerank,
                split=split_rows,
                self_index=self_index,
            )
            metrics.update(
                self._again(
                    're-ranked by k-reciprocal encoding',
                    '-rerank',
                    self.rerank,
                    lambda start, stop: -torch.from_numpy(distances.rows(start, stop)),
                    rule,
                    query.pids,
                )
            )
        if self.query_expansion is not None:
            similarity = self._expanded(query.features, gallery.features, self_index)
            metrics.update(
                self._again(
                    'queries expanded by their neighbors',
                    '-qe',
                    self.query_expansion,
                    similarity,
                    rule,
                    query.pids,
                )
            )
        return metrics

    def _parts(self, images: Embeddings) -> tuple[Embeddings, Embeddings, np.ndarray | None]:
        """Queries, gallery and, in self-retrieval, where each query is in the gallery."""
        query, gallery = images.where(images.is_query), images.where(~images.is_query)
        if not len(query.pids) or not (len(gallery.pids) or self.self_retrieval):
            split = 'gallery' if len(query.pids) else 'query'
            raise DatasetError(
                f'ReIDMetric got {len(images.pids)} images but none of split {split!r}: '
                'the test dataset must hold both query and gallery, or, with '
                'self_retrieval=True, queries that search each other'
            )
        if not self.self_retrieval:
            return query, gallery, None
        pool, self_index = one_gallery_of_all(images)
        return query, images.where(pool), self_index

    def _figures(
        self, what: str, values: Mapping[str, np.ndarray], pids: np.ndarray, suffix: str = ''
    ) -> dict[str, float]:
        """The means and intervals of queries' values, logged."""
        means = mean_values(values)
        figures = {f'{name}{suffix}': means[name] for name in values}
        named = {f'{name}{suffix}': value for name, value in values.items()}
        intervals = self.intervals(named, pids)
        self.log(what, figures, intervals)
        return figures | self.interval_figures(intervals)

    def _again(
        self,
        what: str,
        suffix: str,
        settings: Mapping[str, Any],
        similarity: SimilarityRows,
        rule: MarketRule,
        pids: np.ndarray,
    ) -> dict[str, float]:
        values = rank_across_processes(similarity, rule, self.ap, self.topk, self.extra)
        used = ', '.join(f'{name} {value}' for name, value in settings.items())
        return self._figures(f'{what} with {used}', values, pids, suffix)

    def _expanded(
        self, query: torch.Tensor, gallery: torch.Tensor, self_index: np.ndarray | None
    ) -> SimilarityRows:
        assert self.query_expansion is not None
        options = {**self.query_expansion, 'self_index': self_index}

        def expand(start: int, stop: int) -> tuple[np.ndarray]:
            return (expand_queries(query, gallery, **options, start=start, stop=stop),)

        (expanded,) = split_rows(expand, len(query), QUERY_CHUNK)
        return inner_product_rows(expanded, gallery)

    def _verified(
        self, similarity: SimilarityRows, rule: MarketRule, pids: np.ndarray
    ) -> dict[str, float]:
        assert self.fprs is not None
        try:
            rates, intervals = verify_across_processes(
                similarity, rule, self.fprs, pids, self.bootstrap
            )
        except ValueError as error:  # the same on every process: counts of all of them
            raise DatasetError(f'ReIDMetric: {error}') from error
        matching, differing = (rates.pop(f'num_{pairs}') for pairs in ('matching', 'differing'))
        what = f'verification, {matching} pairs of one identity, {differing} of two'
        self.log(what, rates, intervals)
        return rates | self.interval_figures(intervals)


def camera_figures(table: CameraPairs) -> dict[str, float]:
    """MAP by the pair's name, of the pairs that have a match."""
    return {name: float(table.figures['mAP'][place]) for name, place in _matched(table)}


def camera_intervals(table: CameraPairs) -> dict[str, tuple[float, float]]:
    """Intervals of the same; none if the table has none."""
    if not table.intervals:
        return {}
    ends = table.intervals['mAP']
    return {
        name: (float(ends[place][0]), float(ends[place][1])) for name, place in _matched(table)
    }


def _matched(table: CameraPairs) -> list[tuple[str, tuple[int, int]]]:
    return [
        (f'mAP/c{query}-c{gallery}', (row, column))
        for row, query in enumerate(table.query_cameras)
        for column, gallery in enumerate(table.gallery_cameras)
        if table.num_matched[row, column]
    ]


def camera_table(table: CameraPairs) -> str:
    """One row for each query camera, one column for each gallery camera, in per cent."""
    corner = 'query \\ gallery camera'
    lines = [corner + ''.join(f'{camera:>8}' for camera in table.gallery_cameras)]
    for camera, row in zip(table.query_cameras, table.figures['mAP'], strict=True):
        cells = (f'{value:>8.2%}' if value == value else f'{"-":>8}' for value in row)
        lines.append(f'{camera:>{len(corner)}}' + ''.join(cells))
    return '\n'.join(lines)
