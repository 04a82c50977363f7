from __future__ import annotations

import inspect
from typing import Any

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.models.autocasting import without_autocast
from msvitreid.registry import MODELS
from msvitreid.utils.near_names import did_you_mean

from .across_processes import gather_with_gradient


@MODELS.register_module()
class MetricLearningLoss(nn.Module):
    """A loss of the library pytorch-metric-learning, which is imported when one is built.

    It sees the features of all ranks together, as :class:`BatchHardTripletLoss` does.

    Args:
        loss: name of a class in ``pytorch_metric_learning.losses``, e.g. 'CircleLoss'.
        num_classes, in_channels: identities, and length of a feature; the head states them.
            They are passed on to losses with a weight for each class, such as 'ArcFaceLoss'.
        options: further options of that class.

    Raises:
        ConfigError: the library is not installed, has no such loss, or the loss refuses its
            options.
    """

    def __init__(
        self,
        loss: str,
        num_classes: int | None = None,
        in_channels: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        kind = _find(loss)
        known = {
            'num_classes': num_classes,
            'embedding_size': in_channels,
            'descriptors_dim': in_channels,
        }
        filled = {
            key: value
            for key, value in known.items()
            if value is not None and key in _needed(kind)
        }
        options = {**filled, **options}
        try:
            self.loss = kind(**options)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f'MetricLearningLoss: {loss} refuses its options {options}: {error}'
            ) from error

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """The loss of features ``(N, D)`` with labels ``(N,)``, in float32 at least.

        Across ranks, each has as many. Without a pair that it counts, it is 0.
        """
        labels = labels.to(features.device, non_blocking=True)
        if get_world_size() > 1:
            labels = torch.cat(all_gather(labels))
            features = gather_with_gradient(features)
        with without_autocast(features.device):
            return self.loss(
                features.to(torch.promote_types(features.dtype, torch.float32)), labels
            )


def _find(name: str) -> type[nn.Module]:
    try:
        from pytorch_metric_learning import losses
    except ImportError as error:
        raise ConfigError(
            f'the loss {name!r} needs pytorch-metric-learning, which cannot be imported '
            f"({error}): pip install 'msvitreid[metric-learning]'"
        ) from error
    base: type[nn.Module] = losses.BaseMetricLossFunction
    kinds = {
        key: kind
        for key, kind in vars(losses).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base
    }
    if name not in kinds:
        raise ConfigError(
            f'MetricLearningLoss: pytorch-metric-learning has no loss {name!r}'
            f'{did_you_mean(name, kinds)}'
        )
    return kinds[name]


def _needed(kind: type[nn.Module]) -> set[str]:
    """Options without a default; many of the losses pass ``*args`` on to a base."""
    return {
        name
        for base in kind.__mro__
        if '__init__' in vars(base)
        for name, parameter in inspect.signature(vars(base)['__init__']).parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
