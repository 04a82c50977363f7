"""Images embedded by several processes, each of which does its share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_rank, get_world_size

from msvitreid.utils.exchange import gather_rows

from .image_inputs import ImageInput
from .inferencer import ReIDInferencer
from .results import Embeddings


def embed_in_shares(
    inferencer: ReIDInferencer, paths: Sequence[str], batch_size: int = 32, **options: Any
) -> Embeddings:
    """Embed files by all processes of the group; without a group by this one.

    Every process has to call it, and gets the whole result. Batches are of other images than in
    one process, by which embeddings differ in their last bits; with a batch size of 1 they are
    equal on the same hardware.

    Args:
        inferencer: of the same model in every process.
        paths: of the first process; those of the others are not looked at.
        batch_size: images computed together.
        options: of :meth:`ReIDInferencer.embed`.

    Returns:
        The embeddings in the order of ``paths``.

    Raises:
        DatasetError: see :meth:`ReIDInferencer.embed`; of a process's own share.
    """
    size = get_world_size()
    if size == 1:
        return inferencer.embed(_inputs(paths), batch_size, **options)
    paths = _all_of(list(paths))[0]
    own = range(len(paths))[get_rank() :: size]
    found = inferencer.embed(_inputs([paths[i] for i in own]), batch_size, **options)
    usable = np.array([i for i in own if paths[i] not in found.failed], np.int64)
    order = np.concatenate(gather_rows(usable))
    rows = np.concatenate(gather_rows(found.embeddings))[np.argsort(order)]
    failed = {path: why for part in _all_of(found.failed) for path, why in part.items()}
    ordered = {path: failed[path] for path in paths if path in failed}
    return Embeddings(rows, [paths[i] for i in np.sort(order)], ordered, found.fingerprint)


def _inputs(paths: Sequence[str]) -> list[ImageInput]:
    return [ImageInput(path, path) for path in paths]


def _all_of(value: Any) -> list[Any]:
    """A JSON value of every process."""
    text = np.frombuffer(bytearray(json.dumps(value).encode()), np.uint8)
    return [json.loads(part.tobytes()) for part in gather_rows(text)]
