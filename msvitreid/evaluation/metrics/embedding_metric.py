from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError, ReIDError
from msvitreid.evaluation.functional import bootstrap_intervals
from msvitreid.evaluation.functional.inputs import as_topk, vanish
from msvitreid.registry.checked import checked
from msvitreid.registry.components import CountOrZero
from msvitreid.utils.exchange import of_first_rank

from .embeddings import Embeddings, file_id, gather_embeddings

SPLITS = ('query', 'gallery')


@checked
class EmbeddingMetric(BaseMetric):
    """Collects the embeddings of a dataset: the part that all our metrics share.

    Each batch is kept as a few stacked arrays. Processes exchange them as tensors;
    then each has all images, ranks its share of the queries, and all give the same
    figures.

    Metric names carry no prefix unless one is given: ``mAP``, not ``reid/mAP``.

    Args:
        bootstrap: if above 0, every figure gets a 95 % interval, ``<name>-ci95-low`` and
            ``<name>-ci95-high``: percentiles of so many resamples of the queries' identities
            (seed 0); see :func:`bootstrap_intervals` and :func:`verification_intervals`.
        prefix: put before every name with a slash; by default nothing is.
    """

    # mmengine warns of None; the empty string says that no prefix is wanted.
    default_prefix = ''

    def __init__(self, bootstrap: CountOrZero = 0, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.bootstrap = bootstrap

    def process(self, data_batch: Any, data_samples: Sequence[Any]) -> None:
        """Keep the embeddings of one batch.

        Args:
            data_batch: unused.
            data_samples: ``ReIDDataSample`` objects or their dicts, with
                ``embedding``, ``pid``, ``split``, ``sample_idx`` and, where known,
                ``camid`` and ``img_path``.

        Raises:
            ConfigError: a field is missing.
            DatasetError: ``split`` is neither 'query' nor 'gallery'.
            ReIDError: an embedding is not finite.
        """
        features = torch.stack(
            [self._field(sample, 'embedding').detach().float() for sample in data_samples]
        ).cpu()
        finite = torch.isfinite(features).all(dim=1)
        if not finite.all():
            image = _describe(data_samples[int(finite.int().argmin())])
            raise ReIDError(
                f'the embedding of {image} holds NaN or infinite values: the weights are '
                'broken or the training diverged, so evaluate an earlier checkpoint or '
                'lower the learning rate'
            )
        for sample in data_samples:
            if self._field(sample, 'split') not in SPLITS:
                raise DatasetError(
                    f'{_describe(sample)} is of split {sample.get("split")!r}, but '
                    f"{type(self).__name__} takes 'query' and 'gallery' images only"
                )
        camids = [sample.get('camid') for sample in data_samples]
        self.results.append(
            Embeddings(
                features,
                np.array([int(self._field(sample, 'pid')) for sample in data_samples]),
                np.array([-1 if camid is None else int(camid) for camid in camids]),
                np.array([int(self._field(sample, 'sample_idx')) for sample in data_samples]),
                np.array([self._field(sample, 'split') == 'query' for sample in data_samples]),
                np.array([file_id(sample.get('img_path')) for sample in data_samples]),
                np.array([sample.get('dataset') or '' for sample in data_samples]),
            )
        )

    def evaluate(self, size: int) -> dict[str, float]:
        """Figures of the images that all processes have taken in since the last call.

        Args:
            size: unused: ``sample_idx`` says which images a sampler has repeated.

        Returns:
            The same on every process: what :meth:`compute_metrics` gives, with the
            prefix and a slash before every name where there is a prefix.

        Raises:
            DatasetError: no process has an image, or two different images carry the
                same ``sample_idx``; on every process alike.
        """
        metrics = of_first_rank(self.compute_metrics(self.results))
        return {f'{self.prefix}/{k}' if self.prefix else k: v for k, v in metrics.items()}

    def compute_metrics(self, results: list[Embeddings]) -> dict[str, float]:
        """Score each test set by itself.

        Args:
            results: the batches of this process; the list is emptied.

        Returns:
            :meth:`score` of all processes' images; where they come from named sets, of
            each set's, with its name and a slash before every name.
        """
        images = gather_embeddings(results)
        self._check_products(images.features)
        names = list(dict.fromkeys(images.datasets.tolist()))
        if names == ['']:
            return self.score(images)
        rows = {name: self.score(images.where(images.datasets == name)) for name in names}
        print_log(f'{type(self).__name__}:\n{_table(rows)}', logger='current')
        return {
            f'{name}/{metric}': value
            for name, row in rows.items()
            for metric, value in row.items()
        }

    def _check_products(self, features: torch.Tensor) -> None:
        """Check that products of embeddings are finite, and differ from 0.

        Raises:
            ReIDError: products of the embeddings may overflow, or vanish; on every process alike.
        """
        largest = features.abs().max().item() if features.numel() else 0.0
        if largest**2 * features.shape[1] > torch.finfo(torch.float32).max:
            raise ReIDError(
                f'{type(self).__name__}: an embedding holds {largest:.3g}, so that '
                'similarities overflow: have the model normalize its embeddings'
            )
        if vanish(largest):
            raise ReIDError(
                f'{type(self).__name__}: no embedding holds a number above {largest:.3g}, so '
                'that similarities vanish: have the model normalize its embeddings'
            )

    def intervals(
        self, values: Mapping[str, np.ndarray], pids: np.ndarray
    ) -> dict[str, tuple[float, float]]:
        """Intervals of the means of queries' values; none unless they were asked for."""
        return bootstrap_intervals(values, pids, self.bootstrap) if self.bootstrap else {}

    @staticmethod
    def interval_figures(intervals: Mapping[str, tuple[float, float]]) -> dict[str, float]:
        """Intervals as figures of their own."""
        return {
            f'{name}-ci95-{end}': value
            for name, interval in intervals.items()
            for end, value in zip(('low', 'high'), interval, strict=True)
        }

    def log(
        self,
        what: str,
        figures: Mapping[str, float],
        intervals: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Log figures in per cent, with their intervals."""
        parts = []
        for name, value in figures.items():
            part = f'{name} {value:.2%}'
            if intervals and name in intervals:
                low, high = intervals[name]
                part += f' [{low:.2%}, {high:.2%}]'
            parts.append(part)
        numbers = ', '.join(parts)
        if intervals:
            what += f' (in brackets: 95 % over identities, {self.bootstrap} resamples)'
        print_log(f'{type(self).__name__}: {what}: {numbers}', logger='current')

    @abstractmethod
    def score(self, images: Embeddings) -> dict[str, float]:
        """Figures of one test set, floats in [0, 1] by name."""

    def _field(self, sample: Any, name: str) -> Any:
        value = sample.get(name)
        if value is None:
            raise ConfigError(
                f'{type(self).__name__} needs {name!r} in every data sample and '
                f'{_describe(sample)} has none: check the meta_keys of PackReIDInputs and '
                "that the model runs in 'predict' mode"
            )
        return value


def check_topk(owner: object, topk: Sequence[int]) -> tuple[int, ...]:
    """The ranks of a metric's figures.

    Raises:
        ConfigError: they are not whole numbers from 1 on.
    """
    try:
        return as_topk(topk)
    except ValueError as error:
        raise ConfigError(f'{type(owner).__name__}: {error}') from error


def _table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A row a test set, its figures in per cent."""
    metrics = list(dict.fromkeys(metric for row in rows.values() for metric in row))
    width = max(len(name) for name in rows)
    lines = [' ' * width + ''.join(f'{metric:>16}' for metric in metrics)]
    for name, row in rows.items():
        cells = (f'{row[metric]:>16.2%}' if metric in row else ' ' * 16 for metric in metrics)
        lines.append(f'{name:<{width}}' + ''.join(cells))
    return '\n'.join(lines)


def _describe(sample: Any) -> str:
    path = sample.get('img_path')
    return f'image {path}' if path else f'the image at sample_idx {sample.get("sample_idx")}'
