"""Embeddings of images, configs and nets by name, embedding a dataset: what other programs import.

May use every room but ``cli``.
"""

from msvitreid.engine.run_description import model_file_from_run
from msvitreid.models.model_description import load_model

from .embedding import EmbeddedImages, embed_dataset
from .inferencer import ReIDInferencer
from .model_zoo import get_config, get_model, list_configs, list_models
from .results import Embeddings

__all__ = [
    'EmbeddedImages',
    'Embeddings',
    'ReIDInferencer',
    'embed_dataset',
    'get_config',
    'get_model',
    'list_configs',
    'list_models',
    'load_model',
    'model_file_from_run',
]
