from __future__ import annotations

import os
from typing import Any

import numpy as np
from torch import Tensor

from msvitreid.apis.image_inputs import Color, require_color
from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.errors import DatasetError
from msvitreid.utils.checks import require_whole

BLANK_SIDE = 64


class TrackerEncoder:
    """Embeddings of the boxes of a frame, in the form in which trackers ask for them.

    Trackers match rows to boxes by position and divide a row by its length, in place; a row
    that is missing, or that is zero and becomes NaN, spoils the assignment of the whole frame.
    So there is always a row for every box, in their order, of length 1, in an array of its
    own. A box without a pixel in the frame, one with a NaN, or one that the net gives no usable
    embedding has the embedding of a black image, as in BoxMOT; :meth:`embed` says which.

    Args:
        model: an inferencer, or the path of a model file.
        color: order of channels of frames that are arrays or tensors.
        batch_size: boxes computed together.
        **options: of :class:`ReIDInferencer`, with the path of a model file.

    Raises:
        ConfigError: an option has no such value.
        CheckpointError: the file cannot be used.
        DatasetError: the net has no usable embedding of a black image.
    """

    def __init__(
        self,
        model: ReIDInferencer | str | os.PathLike[str],
        color: Color = 'bgr',
        batch_size: int = 32,
        **options: Any,
    ) -> None:
        require_whole('batch_size', batch_size, 1)
        require_color(None, color)
        self.inferencer: Any = (
            ReIDInferencer(model, **options) if isinstance(model, str | os.PathLike) else model
        )
        self.color = color
        self.batch_size = batch_size
        height, width = self.input_shape or (BLANK_SIDE, BLANK_SIDE)
        black = np.zeros((height, width, 3), np.uint8)
        self._blank: np.ndarray = self.inferencer(black, color='rgb')[0]

    @property
    def embedding_dim(self) -> int:
        """Numbers of an embedding, ``D``."""
        return self.inferencer.dimension

    @property
    def input_shape(self) -> tuple[int, int] | None:
        """Height and width of the net's input, or None if it keeps the size of an image."""
        size = self.inferencer.description['preprocessing']['image_size']
        return None if size is None else (size[0], size[1])

    @property
    def fingerprint(self) -> str:
        """Of the model; embeddings of another one cannot be compared with these."""
        return self.inferencer.fingerprint

    def get_features(self, xyxys: Any, frame: Any) -> np.ndarray:
        """Embeddings ``(N, D)`` float32 of boxes, each of length 1.

        Args:
            xyxys: ``(N, 4)`` left, top, right and bottom in pixels, right and bottom exclusive.
            frame: an array ``(H, W, 3)`` uint8, or what else :meth:`ReIDInferencer.embed` takes.

        Raises:
            DatasetError: the boxes are not ``(N, 4)`` numbers, or the frame cannot be read.
        """
        return self.embed(xyxys, frame)[0]

    def embed(self, xyxys: Any, frame: Any) -> tuple[np.ndarray, np.ndarray]:
        """The embeddings of :meth:`get_features`, and ``(N,)`` whether each is of its box."""
        boxes = as_boxes(xyxys)
        features = np.repeat(self._blank[None], len(boxes), axis=0)
        usable = np.zeros(len(boxes), bool)
        found = self.inferencer.embed_boxes(
            frame, boxes, color=self.color, batch_size=self.batch_size
        )
        usable[[int(name[1:-1]) for name in found.paths]] = True
        features[usable] = found.embeddings
        return features, usable


def as_boxes(boxes: Any) -> np.ndarray:
    """``(N, 4)`` float64.

    Raises:
        DatasetError: they are not numbers of this shape; NaN are.
    """
    if isinstance(boxes, Tensor):
        boxes = boxes.detach().cpu().numpy()
    try:
        array = np.asarray(boxes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DatasetError(f'boxes must be (N, 4) numbers: {error}') from error
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise DatasetError(
            f'boxes must be (N, 4) numbers, got {array.shape}; leave out confidences and '
            'classes, and give the upright boxes around oriented ones'
        )
    return array
