from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from msvitreid.errors import ConfigError
from msvitreid.registry import METRICS

from .embedding_metric import check_topk


@METRICS.register_module()
class TopKAccuracy(BaseMetric):
    """mmpretrain's ``Accuracy``, in [0, 1] like all figures here; mmpretrain's is in per cent.

    Args:
        topk: the k of the ``top<k>`` values, each the share of the images whose class is among
            the k of the highest score.
        prefix: put before every name with a slash.

    Raises:
        ConfigError: an argument is not one of the above, or mmpretrain is not installed.
    """

    default_prefix = 'accuracy'

    def __init__(self, topk: Sequence[int] = (1, 5), prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.topk = check_topk(self, topk)
        # Built, not inherited from, so that only those who use it import mmpretrain.
        self.accuracy = METRICS.build({'type': 'mmpretrain.Accuracy', 'topk': self.topk})
        # One list: mmpretrain fills it, mmengine gathers and clears it.
        self.results = self.accuracy.results

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Take a batch's predictions.

        Args:
            data_batch: not used.
            data_samples: mmpretrain's as dicts, with ``pred_score`` and ``gt_label``.
        """
        self.accuracy.process(data_batch, data_samples)

    def compute_metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """The values by name, of all processes' images.

        Raises:
            ConfigError: there are fewer classes than the largest k.
        """
        classes = len(results[0]['pred_score'])
        if max(self.topk) > classes:
            raise ConfigError(
                f'TopKAccuracy: topk {self.topk} asks for the best {max(self.topk)} of '
                f'{classes} classes; set val_evaluator.topk and test_evaluator.topk'
            )
        per_cent = self.accuracy.compute_metrics(results)
        return {name: value / 100 for name, value in per_cent.items()}
