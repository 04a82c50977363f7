from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from msvitreid.errors import ConfigError

from .contents import Contents, refused

#: Images ``(N, 3, H, W)`` to features ``(N, D)``, in the file's runtime.
Run = Callable[[np.ndarray], np.ndarray]


class ExportedNet:
    """An exported file that computes embeddings; what is not in its graph is done here.

    Args:
        contents: of the file.
        run: its graph.
        source: its path, for messages.
    """

    device = 'cpu'
    precision = 'float32'

    def __init__(self, contents: Contents, run: Run, source: str | os.PathLike[str]) -> None:
        self.contents = contents
        self._run = run
        self._source = source

    @property
    def description(self) -> Mapping[str, Any]:
        """Of the model, as in a model file."""
        return self.contents.description

    @property
    def backend(self) -> str:
        """The format's name."""
        return self.contents.kind

    def embed(self, images: np.ndarray, flip: bool) -> np.ndarray:
        """Unit embeddings ``(N, D)`` float32 of uint8 RGB images ``(N, 3, H, W)``.

        Raises:
            ConfigError: mirrored images are added in the graph, and ``flip`` is false, or the
                graph gives unit vectors that cannot be added, and it is true.
            CheckpointError: the graph cannot be computed, or gives something else.
        """
        include = self.contents.include
        if 'flip' in include and not flip:
            raise ConfigError(
                f'{str(self._source)!r} adds mirrored images by itself; for flip=False export the '
                'model with --include preprocess'
            )
        mirrors = flip and 'flip' not in include
        if mirrors and 'normalize' in include:
            raise ConfigError(
                f'{str(self._source)!r} gives unit vectors of single images; for flip=True export '
                'the model with --include preprocess'
            )
        inputs = images
        if 'preprocess' not in include:
            inputs = normalized(images, self.description)
        features = self._compute(inputs)
        if mirrors:
            features = features + self._compute(np.ascontiguousarray(inputs[..., ::-1]))
        if 'normalize' not in include:
            lengths = np.linalg.norm(features, axis=1, keepdims=True)
            features = features / np.maximum(lengths, 1e-12)
        return features

    def _compute(self, images: np.ndarray) -> np.ndarray:
        try:
            features = self._run(images)
        except Exception as error:
            # Runtimes raise whatever they like over a graph that is not what it says.
            reason = ' '.join(str(error).split())[:200] or type(error).__name__
            raise refused(self._source, f'its graph cannot be computed ({reason})') from error
        shape = getattr(features, 'shape', None)
        if shape != (len(images), self.description['dimension']):
            raise refused(self._source, f'its graph gives {shape} for {len(images)} images')
        if features.dtype.kind != 'f':
            raise refused(self._source, f'its graph gives {features.dtype}, not floats')
        with np.errstate(over='ignore'):  # What becomes infinite is no usable embedding.
            return features.astype(np.float32, copy=False)


def normalized(images: np.ndarray, description: Mapping[str, Any]) -> np.ndarray:
    """uint8 images ``(N, 3, H, W)`` as a net's first layer takes them, float32.

    Args:
        images: RGB.
        description: of the model, which has its mean and deviation.
    """
    preprocessing = description['preprocessing']
    mean, std = (
        np.array(preprocessing[name], np.float32).reshape(3, 1, 1) for name in ('mean', 'std')
    )
    return (images.astype(np.float32) / np.float32(255) - mean) / std
