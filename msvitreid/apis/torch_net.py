from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

#: Names to the type of autocast.
PRECISIONS = {'float32': None, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


class TorchNet:
    """A :class:`ReIDModel`, or what a backend made of one, that computes embeddings.

    Args:
        model: in evaluation mode.
        description: as in a model file.
        device: where it computes.
        backend: that made it.
        precision: one of :data:`PRECISIONS`.
    """

    def __init__(
        self,
        model: nn.Module,
        description: Mapping[str, Any],
        device: torch.device | str = 'cpu',
        backend: str = 'torch',
        precision: str = 'float32',
    ) -> None:
        self.device = torch.device(device)
        self.model: Any = model.to(self.device).eval()
        self.description = description
        self.backend = backend
        self.precision = precision

    @torch.inference_mode()
    def embed(self, images: np.ndarray, flip: bool) -> np.ndarray:
        """Unit embeddings ``(N, D)`` float32 of uint8 RGB images ``(N, 3, H, W)``."""
        dtype = PRECISIONS[self.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
            batch = {'inputs': torch.from_numpy(images)}
            inputs = self.model.data_preprocessor(batch)['inputs']
            embeddings = self.model.embed(inputs, flip=flip)
        return embeddings.float().cpu().numpy()
