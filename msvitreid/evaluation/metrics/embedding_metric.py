from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from msvitreid.errors import ConfigError, DatasetError, ReIDError

SPLITS = ('query', 'gallery')


class Embeddings(NamedTuple):
    """Embedded images with what is known of them, ``N`` of them.

    Attributes:
        features: ``(N, D)`` float32 tensor on the CPU.
        pids: ``(N,)`` identities.
        camids: ``(N,)`` cameras, -1 where unknown.
        sample_idx: ``(N,)`` positions in the dataset.
        is_query: ``(N,)`` booleans.
        datasets: ``(N,)`` names of the test sets they belong to; '' where there is one.
    """

    features: torch.Tensor
    pids: np.ndarray
    camids: np.ndarray
    sample_idx: np.ndarray
    is_query: np.ndarray
    datasets: np.ndarray

    def where(self, keep: np.ndarray) -> Embeddings:
        """The images that the mask or index array selects."""
        return Embeddings(
            self.features[torch.as_tensor(keep)], *(field[keep] for field in self[1:])
        )


class EmbeddingMetric(BaseMetric):
    """Collects the embeddings of a dataset: the part that all our metrics share.

    Each batch is kept as a few stacked arrays. Arrays are what travels between
    processes; thousands of single tensors would take longer to pickle than to rank.

    Metric names carry no prefix unless one is given: ``mAP``, not ``reid/mAP``.
    """

    # mmengine warns of None; the empty string says that no prefix is wanted.
    default_prefix = ''

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
                np.array([sample.get('dataset') or '' for sample in data_samples]),
            )
        )

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Score each test set by itself.

        Args:
            results: the batches of all processes.

        Returns:
            :meth:`score` of the images; where they come from named sets, of each set's, with
            its name and a slash before every name.
        """
        images = merge_batches(results)
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
    if isinstance(topk, Sequence) and all(isinstance(k, int) and k >= 1 for k in topk):
        return tuple(topk)
    raise ConfigError(
        f'{type(owner).__name__}: topk must be a list of whole numbers from 1 on, got {topk!r}'
    )


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


def merge_batches(batches: Sequence[tuple]) -> Embeddings:
    """All batches in dataset order, every image once.

    Samplers of distributed evaluation repeat images to give each process as many.

    Args:
        batches: as kept by :meth:`EmbeddingMetric.process`; mmengine hands them
            back as plain tuples.

    Raises:
        DatasetError: there is no batch, or two different images carry the same
            ``sample_idx``.
    """
    if not batches:
        raise DatasetError('nothing to evaluate: the test dataset gave no image')
    fields = zip(*batches, strict=True)
    merged = Embeddings(torch.cat(next(fields)), *(np.concatenate(field) for field in fields))
    merged = merged.where(np.argsort(merged.sample_idx, kind='stable'))
    repeated = np.append(False, np.diff(merged.sample_idx) == 0)
    for labels in (merged.pids, merged.camids, merged.is_query, merged.datasets):
        differs = repeated & np.append(False, labels[1:] != labels[:-1])
        if differs.any():
            raise DatasetError(
                f'two different images carry sample_idx {merged.sample_idx[differs][0]}: '
                'give query and gallery as one dataset, not concatenated ones'
            )
    return merged.where(~repeated)
