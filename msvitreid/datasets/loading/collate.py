from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msvitreid.registry import FUNCTIONS
from msvitreid.structures import UnpreparedImages


@FUNCTIONS.register_module()
def collate_unprepared(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch of what :class:`PrepareOnDevice` and :class:`PackReIDInputs` make, of any sizes.

    Returns:
        ``dict(inputs, data_samples)``: :class:`UnpreparedImages` of all, and a list.
    """
    return {
        'inputs': UnpreparedImages.joined([item['inputs'] for item in batch]),
        'data_samples': [item['data_samples'] for item in batch],
    }
