from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Share

Area = Annotated[float, Gt(0), Le(1)]


@MODELS.register_module()
@checked
class BatchRandomErasing:
    """Fill one random rectangle of each chosen image with zeros.

    The area is a uniform share of the image, the aspect (width / height) uniform in
    ``[0.3, 1 / 0.3]``, the corner uniform among those that fit; one try an image. Draws come
    from torch's global generator of the CPU, which a training run seeds before every step.

    Args:
        max_area: largest share of the image that is erased, in (0, 1].
        min_area: smallest share.
        prob: chance that an image is erased.

    Raises:
        ConfigError: the smallest share is above the largest.

    Source: Zhong et al., "Random erasing data augmentation", 2017, in the form and with
    the ranges of the published multiple sparse vision transformer runs.
    """

    def __init__(
        self,
        max_area: Area = 0.40,
        min_area: Area = 0.02,
        prob: Share = 0.5,
    ) -> None:
        if min_area > max_area:
            raise ConfigError(
                'BatchRandomErasing needs min_area <= max_area, got '
                f'min_area={min_area!r}, max_area={max_area!r}'
            )
        self.max_area = max_area
        self.min_area = min_area
        self.prob = prob

    def __call__(self, images: Tensor) -> Tensor:
        """``(N, 3, H, W)`` images in [0, 1]; returns a new batch on the same device."""
        count, _, height, width = images.shape
        edges = torch.stack(self.draw(count, height, width))
        left, top, right, bottom = edges.to(images.device, non_blocking=True)[..., None, None]
        x = torch.arange(width, device=images.device)
        y = torch.arange(height, device=images.device).view(-1, 1)
        erased = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        return images.masked_fill(erased.unsqueeze(1), 0.0)

    def draw(self, count: int, height: int, width: int) -> tuple[Tensor, ...]:
        """Left, top, right and bottom edges ``(count,)``; empty where nothing is erased.

        Drawn on the CPU, so that a seed means the same on every device.
        """
        chance, share, shape, x, y = torch.rand(5, count, dtype=torch.float64)
        area = (self.min_area + share * (self.max_area - self.min_area)) * height * width
        aspect = 0.3 + shape * (1 / 0.3 - 0.3)
        box_w = (area * aspect).sqrt().round().clamp(1, width)
        box_h = (area / box_w).round().clamp(1, height)
        box_w = box_w * (chance < self.prob)
        left = (x * (width - box_w + 1)).floor()
        top = (y * (height - box_h + 1)).floor()
        return left, top, left + box_w, top + box_h
