"""The published training schedule, for config files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def published_schedule(
    epochs: tuple[int, int] = (5, 75),
    ratio: float = 0.8,
    extra: int = 25,
    val_interval: int = 20,
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """What the published command's ``--epochs --ema-ratio --ema-extra`` mean for a config.

    A linear warm-up from 1 % of the learning rate, a cosine that would end at zero, which stops
    falling at a share of its length, and a flat tail whose weights are averaged.

    Args:
        epochs: end of the warm-up, and of the cosine.
        ratio: of the cosine's end, where the tail begins, rounded down to an epoch.
        extra: epochs after the cosine's end.
        val_interval: epochs from one validation to the next.

    Returns:
        ``train_cfg``, ``param_scheduler`` and ``custom_hooks``.

    Raises:
        ValueError: a number is of another kind, or the tail would begin before the warm-up ends.
    """
    whole = [*epochs, extra] if isinstance(epochs, Sequence) else []
    if len(whole) != 3 or any(type(number) is not int for number in whole) or extra < 0:
        raise ValueError(
            'published_schedule takes epochs=(warm-up, end) and extra as whole numbers, extra '
            f'from 0 on, got epochs={epochs!r}, extra={extra!r}'
        )
    if isinstance(ratio, bool) or not isinstance(ratio, int | float):
        raise ValueError(f'published_schedule takes a number as ratio, got {ratio!r}')
    warm, end = epochs
    tail = int(end * ratio)
    if not 0 < warm < tail <= end:
        raise ValueError(
            f'published_schedule: epochs={epochs!r} and ratio={ratio!r} begin the flat tail at '
            f'epoch {tail}, which must lie after the warm-up and not after the end'
        )
    loop = dict(type='ResumableTrainLoop', max_epochs=end + extra, val_interval=val_interval)
    schedulers = [
        # Epoch e of the warm-up has 0.01 + 0.99 * e / warm of the learning rate.
        dict(type='LinearLR', start_factor=round(0.01 + 0.99 / warm, 12), begin=0, end=warm),
        dict(type='CosineAnnealingLR', T_max=end - warm, eta_min=0.0, begin=warm - 1, end=tail),
    ]
    return loop, schedulers, [dict(type='WeightAverageHook', begin=tail)]
