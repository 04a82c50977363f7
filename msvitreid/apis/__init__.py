"""Configs and nets by name, embedding a dataset: what other programs import.

May use every room but ``cli``.
"""

from .embedding import EmbeddedImages, embed_dataset
from .model_zoo import get_config, get_model, list_configs, list_models

__all__ = [
    'EmbeddedImages',
    'embed_dataset',
    'get_config',
    'get_model',
    'list_configs',
    'list_models',
]
