from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from msvitreid.models.build_part import build_part
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count

from .batch_checks import require_several_images
from .bnneck_head import INIT_CFG


@MODELS.register_module()
@checked
class ImageNetHead(BaseModule):
    """The classifier MSViT is pre-trained with, for mmpretrain's ``ImageClassifier``.

    Global average pool, linear, BatchNorm, activation, dropout 0.2, bias-free linear. The
    first linear layer and the BatchNorm initialize those of :class:`BNNeckHead`.

    Args:
        num_classes: of the dataset; :class:`~msvitreid.engine.ReIDRunner` fills it in.
        in_channels: channels of the backbone's map.
        act_cfg: activation, the backbone's.
        loss: config of a loss called with ``(logits, target)``; the target is a class
            index or, after mixup, a distribution.
        init_cfg: mmengine initialization.

    Raises:
        ConfigError: a number is out of its range, or a part is no config of a component.
    """

    def __init__(
        self,
        num_classes: Count = 1000,
        in_channels: Count = 512,
        act_cfg: Mapping[str, Any] = {'type': 'GELU'},
        loss: Mapping[str, Any] = {'type': 'CrossEntropyLoss'},
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = INIT_CFG,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.fc = nn.Linear(in_channels, in_channels, bias=False)
        self.norm = nn.BatchNorm1d(in_channels)
        self.act = build_part('model.head.act_cfg', act_cfg)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(in_channels, num_classes, bias=False)
        self.loss_module = build_part('model.head.loss', loss)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """The last of ``maps``, ``(N, C, H, W)``, to logits ``(N, num_classes)``."""
        vector = maps[-1].mean(dim=(2, 3))
        require_several_images(self.norm, vector)
        return self.classifier(self.dropout(self.act(self.norm(self.fc(vector)))))

    def loss(self, maps: Sequence[Tensor], data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """``data_samples`` are mmpretrain's, with ``gt_score`` (mixed) or ``gt_label``."""
        logits = self(maps)
        if 'gt_score' in data_samples[0]:
            target = torch.stack([sample.gt_score for sample in data_samples])
        else:
            target = torch.cat([sample.gt_label for sample in data_samples])
        target = target.to(logits.device, non_blocking=True)
        return {'loss': self.loss_module(logits, target)}

    def predict(self, maps: Sequence[Tensor], data_samples: Sequence[Any]) -> Sequence[Any]:
        """Give every sample its ``pred_score`` and ``pred_label``."""
        for sample, score in zip(data_samples, self(maps).softmax(dim=1), strict=True):
            sample.set_pred_score(score).set_pred_label(score.argmax())
        return data_samples
