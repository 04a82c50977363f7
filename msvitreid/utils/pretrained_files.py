"""Weights of nets of timm to start from, for config files."""

from __future__ import annotations

import os
from typing import Any

#: Where weights to start from lie, relative to where a command is run.
FOLDER = 'pretrain'


def timm_weights(model_name: str) -> dict[str, Any]:
    """Options of ``mmpretrain.TIMMBackbone`` for a net and the weights to start from.

    They are read from ``pretrain/<model_name>.safetensors`` if it is there, which
    ``msvitreid convert FILE pretrain/<model_name>.safetensors --timm <model_name>`` makes of a
    file at hand, else timm downloads them.
    """
    file = f'{FOLDER}/{model_name}.safetensors'
    if os.path.isfile(file):
        return {'model_name': model_name, 'checkpoint_path': file}
    return {'model_name': model_name, 'pretrained': True}
