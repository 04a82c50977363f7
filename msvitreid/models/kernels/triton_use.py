"""How Triton runs the kernels; does not import it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

#: Whether Triton's interpreter runs the kernels, on the CPU and slowly; Triton settles it when it
#: is imported.
INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'


def on_device(device: torch.device) -> AbstractContextManager[Any]:
    """Triton runs a kernel on the current device, which need not be that of the maps."""
    return torch.cuda.device(device) if device.type == 'cuda' else nullcontext()
