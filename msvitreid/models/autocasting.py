"""Parts of a net that compute in the precision of their input under AMP as well."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Turn autocast off where it is on.

    Where it is off anyway nothing is entered: a region without autocast costs time and is
    recorded in exported graphs, which torch 2.4 cannot save. An exported graph therefore follows
    the autocast of the program that runs it.
    """
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
