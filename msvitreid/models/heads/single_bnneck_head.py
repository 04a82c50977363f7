from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.models.build_part import build_part
from msvitreid.models.fill_in import fill_in
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count, Weight
from msvitreid.structures import ReIDDataSample

from .batch_checks import labels_of, require_channels, require_several_images
from .classifier_free import NO_CLASSIFIER, leave_out_on_loading
from .loss_value import loss_value


@MODELS.register_module()
@checked
class SingleBNNeckHead(BaseModule):
    """One BatchNorm and one classifier on all vectors in a row: the "bag of tricks" head.

    The triplet loss sees the vectors, the classifier and retrieval the BatchNorm's output,
    whose bias is frozen. The total is the sum of both losses.

    Args:
        num_classes: identities of the training set; ``None`` builds a head for inference,
            without a classifier. :class:`~msvitreid.engine.ReIDRunner` fills it in.
        num_vectors, in_channels: how many vectors the neck gives, and their length;
            :class:`~msvitreid.models.ReIDModel` fills them in.
        triplet_weight: of the triplet loss; the classifier's has 1.
        loss_cls, loss_triplet: loss configs, called with ``(logits, labels)`` and
            ``(vectors, labels)``, the latter with labels on the CPU; ``loss_triplet=None``
            leaves the second out. One that takes ``num_classes`` or ``in_channels`` is given
            them.

    Raises:
        ConfigError: a number is out of its range, or a loss is no config of a component.

    Source: Luo et al., "Bag of tricks and a strong baseline for deep person
    re-identification", 2019.
    """

    #: Children that the training identities have shaped.
    of_classes = ('classifier', 'loss_cls', 'loss_triplet')
    #: Options that do not matter to a trained net.
    training_options = ('num_classes', 'triplet_weight', 'loss_cls', 'loss_triplet')

    def __init__(
        self,
        num_classes: Count | None = None,
        num_vectors: Count = 1,
        in_channels: Count = 2048,
        triplet_weight: Weight = 1.0,
        loss_cls: Mapping[str, Any] = {'type': 'CrossEntropyLoss'},
        loss_triplet: Mapping[str, Any] | None = {
            'type': 'BatchHardTripletLoss',
            'margin': 0.3,
            'normalize': False,
        },
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        channels = num_vectors * in_channels
        self.num_classes = num_classes
        self.triplet_weight = triplet_weight
        self.norm = nn.BatchNorm1d(channels)
        self.norm.bias.requires_grad_(False)
        self.classifier: nn.Linear | None = None
        self.loss_triplet: nn.Module | None = None
        if num_classes is None:
            leave_out_on_loading(self, self.of_classes)
            return
        self.classifier = nn.Linear(channels, num_classes, bias=False)
        known = {'num_classes': lambda: num_classes, 'in_channels': lambda: channels}
        self.loss_cls = build_part(
            'model.head.loss_cls', fill_in(loss_cls, **known), type='CrossEntropyLoss'
        )
        if loss_triplet is not None:
            self.loss_triplet = build_part(
                'model.head.loss_triplet',
                fill_in(loss_triplet, **known),
                type='BatchHardTripletLoss',
            )

    def init_weights(self) -> None:
        super().init_weights()
        if self.classifier is not None:
            nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Vectors ``(N, C)`` to one feature ``(N, num_vectors * C)``.

        Raises:
            ConfigError: they are of another number or length than the head's, or there is one
                image in training.
        """
        return [self._normalized(torch.cat(list(vectors), dim=1))]

    def loss(
        self, vectors: Sequence[Tensor], data_samples: Sequence[ReIDDataSample]
    ) -> dict[str, Tensor]:
        """Total ``loss``, and for the log ``ce``, ``triplet`` and the classifier's ``acc``."""
        if self.classifier is None:
            raise ConfigError(f'SingleBNNeckHead {NO_CLASSIFIER}')
        labels = labels_of(data_samples, self.num_classes)
        vector = torch.cat(list(vectors), dim=1)
        logits = self.classifier(self._normalized(vector)).float()
        device_labels = labels.to(vector.device, non_blocking=True)
        ce = loss_value(self.loss_cls, logits, device_labels)
        losses = {
            'loss': ce,
            'ce': ce.detach(),
            'acc': (logits.detach().argmax(dim=1) == device_labels).float().mean(),
        }
        if self.loss_triplet is not None:
            triplet = loss_value(self.loss_triplet, vector, labels)
            losses['loss'] = ce + self.triplet_weight * triplet
            losses['triplet'] = triplet.detach()
        return losses

    def _normalized(self, vector: Tensor) -> Tensor:
        require_channels(self, vector, self.norm.num_features)
        require_several_images(self.norm, vector)
        return self.norm(vector)
