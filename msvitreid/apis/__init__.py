"""Embeddings of images, configs and nets by name, embedding a dataset: what other programs import.

``inferencer.py`` embeds: ``image_inputs.py`` is what it takes, ``image_stream.py`` decodes and
lists what failed, ``results.py`` is what it gives. ``embedding.py`` embeds a dataset,
``tested_net.py`` the test set of a config. Sizes are a matter of
``datasets/transforms/image_preparation.py``.
May use every room but ``cli``, ``demo`` and ``serving``.
"""

from msvitreid.engine.run_description import model_file_from_run
from msvitreid.models.joining import join_model_files
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
    'join_model_files',
    'list_configs',
    'list_models',
    'load_model',
    'model_file_from_run',
]
