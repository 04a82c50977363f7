from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from msvitreid.errors import ConfigError
from msvitreid.models.build_part import build_part
from msvitreid.models.fill_in import fill_in
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Count, CountOrZero, Weight
from msvitreid.structures import ReIDDataSample

from .batch_checks import labels_of, require_channels, require_several_images
from .classifier_free import NO_CLASSIFIER, leave_out_on_loading
from .loss_value import loss_value

INIT_CFG: list[dict[str, Any]] = [
    {'type': 'Kaiming', 'layer': 'Linear', 'mode': 'fan_in', 'nonlinearity': 'relu'},
    {'type': 'Constant', 'layer': '_BatchNorm', 'val': 1.0, 'bias': 0.0},
]


@MODELS.register_module()
@checked
class BNNeckHead(BaseModule):
    """Linear, BatchNorm and classifier for each of ``n`` vectors, and their joint loss.

    The BatchNorm outputs are the features: retrieval uses them, the classifiers stand
    directly on them, and a triplet loss sees the first few.

    Args:
        num_classes: identities of the training set; ``None`` builds a head for inference,
            without classifiers (a checkpoint's classifiers are then left out on loading).
            :class:`~msvitreid.engine.ReIDRunner` fills it in from the training dataset.
        num_vectors: vectors the neck gives; :class:`~msvitreid.models.ReIDModel` fills it in.
        in_channels: length of a vector and of its features; filled in as well.
        triplet_vectors: how many vectors, from the first, enter the triplet loss.
        frozen_bias_from: index of the first vector whose BatchNorm bias is frozen (no
            gradient, hence no decay); 2 in the published net.
        triplet_weight: ``w`` of the total
            ``(sum of CE + w * sum of triplet) / (number of CE + w * number of triplet)``.
        loss_cls, loss_triplet: loss configs; called with ``(logits, labels)`` and
            ``(features, labels)``, the latter with labels on the CPU and one for each vector.
            One that takes ``num_classes`` or ``in_channels`` is given them. Without a type they
            are cross-entropy and :class:`BatchHardTripletLoss`; ``loss_triplet=None`` trains
            with the classifiers alone.
        init_cfg: mmengine initialization of linear and BatchNorm layers; classifiers are
            drawn from a normal distribution of std 0.001.

    Raises:
        ConfigError: a number is out of its range, or a loss is no config of a component.

    Source: BNNeck of Luo et al., "Bag of tricks and a strong baseline for deep person
    re-identification", 2019, in the form of the multiple sparse vision transformer.
    """

    #: Children that the training identities have shaped.
    of_classes = ('classifiers', 'loss_cls', 'losses_triplet')
    #: Options that do not matter to a trained net.
    training_options = (
        'num_classes',
        'triplet_vectors',
        'frozen_bias_from',
        'triplet_weight',
        'loss_cls',
        'loss_triplet',
    )

    def __init__(
        self,
        num_classes: Count | None = None,
        num_vectors: Count = 5,
        in_channels: Count = 512,
        triplet_vectors: CountOrZero = 3,
        frozen_bias_from: CountOrZero = 2,
        triplet_weight: Weight = 1.0,
        loss_cls: Mapping[str, Any] = {'type': 'CrossEntropyLoss'},
        loss_triplet: Mapping[str, Any] | None = {'type': 'BatchHardTripletLoss'},
        init_cfg: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = INIT_CFG,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_classes = num_classes
        self.num_vectors = num_vectors
        self.in_channels = in_channels
        self.triplet_weight = triplet_weight
        self.linears = nn.ModuleList(
            nn.Linear(in_channels, in_channels, bias=False) for _ in range(num_vectors)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(in_channels) for _ in range(num_vectors))
        for norm in self.norms[frozen_bias_from:]:
            norm.bias.requires_grad_(False)
        self.classifiers = nn.ModuleList()
        if num_classes is not None:
            self.classifiers.extend(
                [nn.Linear(in_channels, num_classes, bias=False) for _ in range(num_vectors)]
            )
            known = {'num_classes': lambda: num_classes, 'in_channels': lambda: in_channels}
            self.loss_cls = build_part(
                'model.head.loss_cls', fill_in(loss_cls, **known), type='CrossEntropyLoss'
            )
            count = 0 if loss_triplet is None else min(triplet_vectors, num_vectors)
            self.losses_triplet = nn.ModuleList(
                build_part(
                    'model.head.loss_triplet',
                    fill_in(loss_triplet, **known),
                    type='BatchHardTripletLoss',
                )
                for _ in range(count)
            )
        else:
            leave_out_on_loading(self, self.of_classes)

    def init_weights(self) -> None:
        super().init_weights()
        for classifier in self.classifiers:
            nn.init.normal_(cast(nn.Linear, classifier).weight, std=0.001)

    def forward(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """``num_vectors`` vectors ``(N, C)`` to as many features ``(N, C)``.

        Raises:
            ConfigError: the neck gives another number of vectors or longer ones, or there is
                one image in training.
        """
        if len(vectors) != self.num_vectors:
            raise ConfigError(
                f'the neck gives {len(vectors)} vectors but BNNeckHead has num_vectors='
                f'{self.num_vectors}; set model.head.num_vectors to {len(vectors)}'
            )
        require_channels(self, vectors[0], self.in_channels)
        require_several_images(self.norms[0], vectors[0])
        return [
            norm(linear(vector))
            for norm, linear, vector in zip(self.norms, self.linears, vectors, strict=True)
        ]

    def loss(
        self, vectors: Sequence[Tensor], data_samples: Sequence[ReIDDataSample]
    ) -> dict[str, Tensor]:
        """Total ``loss``, and for the log the mean ``ce``, the mean ``triplet`` and ``acc``.

        ``acc`` is the share of images whose identity the first classifier names.
        """
        if not self.classifiers:
            raise ConfigError(f'BNNeckHead {NO_CLASSIFIER}')
        labels = labels_of(data_samples, self.num_classes)
        features = self(vectors)
        device_labels = labels.to(features[0].device, non_blocking=True)
        logits = [
            classifier(feature).float()
            for classifier, feature in zip(self.classifiers, features, strict=True)
        ]
        ce, triplet = self.vector_losses(features, logits, labels, device_labels)
        weight = self.triplet_weight
        total = (ce.sum() + weight * triplet.sum()) / (len(ce) + weight * len(triplet))
        hits = logits[0].detach().argmax(dim=1) == device_labels
        losses = {'loss': total, 'ce': ce.detach().mean(), 'acc': hits.float().mean()}
        if len(triplet):
            losses['triplet'] = triplet.detach().mean()
        return losses

    def vector_losses(
        self,
        features: Sequence[Tensor],
        logits: Sequence[Tensor],
        labels: Tensor,
        device_labels: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of every vector and triplet loss of the first ones, each 1-d."""
        ce = torch.stack([loss_value(self.loss_cls, logit, device_labels) for logit in logits])
        triplet = [
            loss_value(loss, feature, labels)
            for loss, feature in zip(self.losses_triplet, features, strict=False)
        ]
        return ce, torch.stack(triplet) if triplet else ce.new_zeros(0)
