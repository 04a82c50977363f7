from __future__ import annotations

import torch
from torch import Tensor

from msvitreid.structures import UnpreparedImages


def sample_images(images: UnpreparedImages, device: torch.device) -> Tensor:
    """Resize, crop and flip images of any sizes on a device, all of them at once.

    Bilinear without antialiasing and rounded to bytes, as OpenCV resizes, whose fixed-point
    numbers are less exact: the result differs from the CPU's pipeline by one gray level at most.

    Returns:
        ``(N, 3, H, W)`` float32 in [0, 1].
    """
    counts = images.sizes.prod(dim=1)
    # Of each image its first pixel and its last row and column.
    facts = torch.stack(
        [counts.cumsum(0) - counts, images.sizes[:, 0] - 1, images.sizes[:, 1] - 1]
    )
    pixels, rows, columns, facts = (
        tensor.to(device, non_blocking=True)
        for tensor in (images.pixels, images.rows, images.columns, facts)
    )
    first, last_row, last_column = facts[:, :, None]
    top, left = rows.floor(), columns.floor()
    share_below, share_right = (
        (rows - top)[:, :, None, None],
        (columns - left)[:, None, :, None],
    )
    above, before = top.long(), left.long()

    def line(row: Tensor) -> Tensor:
        """Rows of the sources, sampled at the columns: ``(N, H, W, 3)``."""
        starts = (first + row * (last_column + 1))[:, :, None]
        after = torch.minimum(before + 1, last_column)
        left_end, right_end = (
            pixels[starts + column[:, None, :]].float() for column in (before, after)
        )
        return torch.lerp(left_end, right_end, share_right)

    below = torch.minimum(above + 1, last_row)
    sampled = torch.lerp(line(above), line(below), share_below)
    return sampled.add_(0.5).floor_().div_(255.0).permute(0, 3, 1, 2)
