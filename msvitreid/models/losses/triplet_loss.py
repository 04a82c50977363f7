from __future__ import annotations

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor, nn
from torch.nn import functional as F

from msvitreid.errors import ConfigError
from msvitreid.models.autocasting import without_autocast
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Weight

from .across_processes import gather_with_gradient


@MODELS.register_module()
@checked
class BatchHardTripletLoss(nn.Module):
    """Triplet loss of every anchor's farthest positive and nearest negative in the batch.

    Args:
        margin: hinge margin; ``None`` is the soft margin ``softplus(d_ap - d_an)``.
        normalize: L2-normalize the features first.
        across_ranks: mine in the batches of all ranks together, so that the loss does not
            depend on their number; ``False`` mines in each rank's own batch, as the older
            toolkits do, and saves the exchange of the features.

    Source: Hermans, Beyer and Leibe, "In defense of the triplet loss for person
    re-identification", 2017.
    """

    def __init__(
        self, margin: Weight | None = None, normalize: bool = True, across_ranks: bool = True
    ) -> None:
        super().__init__()
        self.margin = margin
        self.normalize = normalize
        self.across_ranks = across_ranks

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean over anchors.

        Args:
            features: ``(N, D)``; the loss is computed in float32 at least. Across ranks,
                each has as many.
            labels: ``(N,)``. Left on the CPU, they are checked without a device
                synchronization; of several ranks' labels only the own ones are checked.

        Raises:
            ConfigError: an anchor has no positive or no negative in the batch.
        """
        same, positives = _masks(labels)
        if get_world_size() > 1 and self.across_ranks:
            # The only image of an identity has its positives on no other rank.
            self._check(positive=positives)
            labels = torch.cat(all_gather(labels.to(features.device, non_blocking=True)))
            same, positives = _masks(labels)
            features = gather_with_gradient(features)
        else:
            self._check(positive=positives, negative=~same)
        # Waiting for these copies would be waiting for the whole forward pass.
        same = same.to(features.device, non_blocking=True)
        positives = positives.to(features.device, non_blocking=True)

        features = features.to(torch.promote_types(features.dtype, torch.float32))
        with without_autocast(features.device):
            distances = pairwise_distances(
                F.normalize(features) if self.normalize else features
            )
            farthest = distances.masked_fill(~positives, -torch.inf).amax(dim=1)
            nearest = distances.masked_fill(same, torch.inf).amin(dim=1)
            gap = farthest - nearest
            if self.margin is None:
                return F.softplus(gap).mean()
            return F.relu(gap + self.margin).mean()

    @staticmethod
    def _check(**masks: Tensor) -> None:
        for kind, mask in masks.items():
            lonely = int((~mask.any(dim=1)).sum())
            if lonely:
                raise ConfigError(
                    f'{lonely} of {len(mask)} images of the batch have no {kind} in it; the '
                    'triplet loss needs at least two identities with two images each: use '
                    'IdentitySampler with num_instances >= 2'
                )


def _masks(labels: Tensor) -> tuple[Tensor, Tensor]:
    """``(N, N)``: which images have the label of which, and which are its positives."""
    same = labels[:, None] == labels[None, :]
    return same, same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def pairwise_distances(features: Tensor) -> Tensor:
    """Euclidean distances ``(N, N)`` of ``(N, D)``, the square clamped at 1e-12."""
    norms = features.square().sum(dim=1)
    squares = norms[:, None] + norms[None, :] - 2 * features @ features.T
    return squares.clamp(min=1e-12).sqrt()
