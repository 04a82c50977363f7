"""Where the nets run and in which precision, for the benchmarks of the net."""

from __future__ import annotations

import argparse
import gc
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from msvitreid.errors import ConfigError

from . import timing


def add_device_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--device', default='cpu', help='cpu, cuda or cuda:N (default: %(default)s)'
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision, of the plain net too: float16 on CUDA, bfloat16 on the CPU',
    )


def find_device(text: str) -> torch.device:
    """The device that ``--device`` names.

    Raises:
        ConfigError: it is none, or not here.
    """
    if not re.fullmatch(r'cpu|cuda(:\d+)?', text):
        raise ConfigError(f"--device is '{text}', give cpu, cuda or cuda:N")
    device = torch.device(text)
    here = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == 'cuda' and (device.index or 0) >= here:
        raise ConfigError(
            f"--device is '{text}', and torch sees {here} CUDA devices; "
            'give another one, or cpu'
        )
    return device


def gpu_name(device: torch.device) -> str:
    """What the device calls itself; nothing if it is the CPU."""
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else ''


@dataclass(frozen=True)
class Setting:
    """A device, and whether nets run on it in mixed precision, by the usual type or another."""

    device: torch.device
    amp: bool = False
    dtype: torch.dtype | None = None

    @classmethod
    def of(cls, args: argparse.Namespace) -> Setting:
        """What the options say.

        Raises:
            ConfigError: there is no such device.
        """
        return cls(find_device(args.device), args.amp)

    def __str__(self) -> str:
        """What a case's name ends in: nothing for float32."""
        return f', amp {str(self._dtype).removeprefix("torch.")}' if self.amp else ''

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self._dtype, enabled=self.amp)

    def grad_scaler(self) -> torch.amp.GradScaler:
        """As training has it: float16's gradients are scaled, bfloat16's need it not."""
        scales = self.amp and self._dtype == torch.float16
        return torch.amp.GradScaler(self.device.type, enabled=scales)

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)

    def peak_memory(self, function: Callable[[], object]) -> float:
        """MiB of the device's memory that a call takes beyond what was there before it."""
        if self.device.type == 'cpu':
            return timing.peak_memory(function)
        gc.collect()
        self.wait()
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        function()
        self.wait()
        return (torch.cuda.max_memory_allocated(self.device) - before) / 2**20

    @property
    def _dtype(self) -> torch.dtype:
        if self.dtype is not None:
            return self.dtype
        return torch.float16 if self.device.type == 'cuda' else torch.bfloat16
