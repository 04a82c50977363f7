"""Calls on a device, timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from benchmarks.device import Setting

from .sizes import Sizes


def timed(call: Callable[[], object], sizes: Sizes, setting: Setting) -> tuple[float, ...]:
    """Wall-clock seconds of each round, until the device has done its work."""
    for _ in range(sizes.warmup):
        call()
    setting.wait()
    seconds: list[float] = []
    while len(seconds) < sizes.rounds and sum(seconds) < sizes.seconds:
        start = time.perf_counter()
        call()
        setting.wait()
        seconds.append(time.perf_counter() - start)
    return tuple(seconds)


def memory_of(call: Callable[[], object], sizes: Sizes, setting: Setting) -> float | None:
    """MiB that a call takes on the device; the emulation does not measure it."""
    return None if sizes.emulated else setting.peak_memory(call)


def setting_of(sizes: Sizes, precision: str) -> Setting:
    """``float32``, ``TF32``, or mixed precision with the type that is named.

    Of the process TF32 is switched on or off, as nothing else uses it.
    """
    rounded = precision == 'TF32'
    torch.set_float32_matmul_precision('high' if rounded else 'highest')
    torch.backends.cudnn.allow_tf32 = rounded
    torch.backends.cudnn.benchmark = True
    device = torch.device(sizes.device)
    if precision in ('float32', 'TF32'):
        return Setting(device)
    return Setting(device, True, getattr(torch, precision))
