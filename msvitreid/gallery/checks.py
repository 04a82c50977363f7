"""Checks of what a gallery is given; each error names the argument and the item."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from msvitreid.errors import GalleryError
from msvitreid.evaluation.functional.inputs import as_matrix
from msvitreid.utils.checks import is_number, is_whole
from msvitreid.utils.printable import printable

from .where import COMPARABLE, OWN_COLUMNS, check_column, is_comparable, is_listing

PRECISIONS = ('float32', 'float16', 'int8')
MAX_DIMENSION = 2**16
MAX_ID = 1024
MAX_BATCH = 2**20
TOLERANCE = 1e-3
"""How far an embedding's length may be from 1; float16 leaves it a tenth of this off."""

MOST_DEPTH = 100
"""Of lists and dicts in each other; who writes an item as JSON may take no more."""


def check_header(dimension: Any, fingerprint: Any, precision: Any) -> None:
    """Check what a gallery is created with.

    Raises:
        GalleryError: not what a gallery can be created with.
    """
    if not is_whole(dimension) or not 1 <= dimension <= MAX_DIMENSION:
        raise GalleryError(
            f'dimension must be a whole number from 1 to {MAX_DIMENSION}, got {dimension!r}'
        )
    if not isinstance(fingerprint, str) or not 1 <= len(fingerprint) <= MAX_ID:
        raise GalleryError(
            f'fingerprint must be the text that names the model, got {fingerprint!r:.100}'
        )
    check_precision(precision)


def check_precision(precision: object) -> None:
    """Check the precision in which embeddings are stored.

    Raises:
        GalleryError: embeddings cannot be stored in it.
    """
    if precision not in PRECISIONS:
        raise GalleryError(
            f'precision must be one of {", ".join(PRECISIONS)}, got {precision!r:.100}'
        )


def check_fingerprint(own: str, other: str | None) -> None:
    """Check that two fingerprints are of one model; None is not compared.

    Raises:
        GalleryError: embeddings are of another model than the gallery's.
    """
    if other is not None and other != own:
        raise GalleryError(
            f'the fingerprint of the embeddings is {printable(str(other))!r}, the gallery holds '
            f'those of {printable(own)!r}; embed with the same model file, or embed the gallery '
            f'again'
        )


def check_batch_size(batch_size: object) -> None:
    """Check how many items are read or written at once.

    Raises:
        GalleryError: it is no number of items that a step can have.
    """
    if not is_whole(batch_size) or not 1 <= batch_size <= MAX_BATCH:  # type: ignore[operator]
        raise GalleryError(
            f'batch_size must be a whole number from 1 to {MAX_BATCH:,}, got {batch_size!r}'
        )


def check_index(min_recall: object, sample: object) -> None:
    """Check the options by which an index is measured.

    Raises:
        GalleryError: an index cannot be measured with so many items, or have such a recall.
    """
    if not is_number(min_recall) or not 0 <= min_recall <= 1:  # type: ignore[operator]
        raise GalleryError(f'min_recall must be a number from 0 to 1, got {min_recall!r}')
    if not is_whole(sample) or not 1 <= sample <= MAX_BATCH:  # type: ignore[operator]
        raise GalleryError(
            f'sample must be a whole number from 1 to {MAX_BATCH:,}, got {sample!r}'
        )


def as_ids(ids: Iterable[str]) -> list[str]:
    """The ids as a list of distinct texts.

    Raises:
        GalleryError: one is no text of 1 to 1024 characters, or is there twice.
    """
    if isinstance(ids, (str, bytes)):
        raise GalleryError(f'ids must be a list of texts, got the single {ids!r:.100}')
    if not isinstance(ids, Iterable):
        raise GalleryError(f'ids must be a list of texts, got a {type(ids).__name__}')
    given = [str(one) if isinstance(one, np.str_) else one for one in ids]
    for position, one in enumerate(given):
        if not isinstance(one, str) or not _is_text(one) or not 1 <= len(one) <= MAX_ID:
            raise GalleryError(
                f'ids[{position}] must be a text of 1 to {MAX_ID} characters, got {one!r:.100}'
            )
    if len(set(given)) < len(given):
        seen: set[str] = set()
        twice = next(one for one in given if one in seen or seen.add(one))  # type: ignore[func-returns-value]
        raise GalleryError(f'the id {printable(twice)!r} is given twice')
    return given


def as_unit_embeddings(
    embeddings: Any, dimension: int, count: int | None, normalize: bool, name: str
) -> np.ndarray:
    """Embeddings as ``(N, D)`` float32 of unit length.

    Raises:
        GalleryError: another shape or type, not finite, all zero, or not of unit length and
            not to be normalized.
    """
    if isinstance(embeddings, np.ndarray) and not embeddings.flags.writeable:
        embeddings = embeddings.copy()  # of others torch warns
    wanted = f'({"N" if count is None else count}, {dimension})'
    try:
        tensor = as_matrix(embeddings, name, wanted)
    except ValueError as error:
        raise GalleryError(str(error)) from error
    is_integer = not tensor.is_floating_point() and tensor.dtype != torch.bool
    if not tensor.is_floating_point() and not (is_integer and normalize):
        raise GalleryError(f'{name} must be an array of floats, got type {tensor.dtype}')
    if tensor.shape[1] != dimension or count not in (None, len(tensor)):
        raise GalleryError(f'{name} must have shape {wanted}, got {tuple(tensor.shape)}')
    array = np.ascontiguousarray(tensor.cpu().float().numpy())
    lengths = np.linalg.norm(array.astype(np.float64) if normalize else array, axis=1)
    for wrong, what in (
        (~np.isfinite(lengths), 'holds NaN or infinite values'),
        (lengths == 0, 'is zero in every column, which is no embedding'),
        (
            (np.abs(lengths - 1) > TOLERANCE) & (not normalize),
            'is not of unit length; give normalize=True to have it divided by its length',
        ),
    ):
        if wrong.any():
            raise GalleryError(f'{name}[{int(np.argmax(wrong))}] {what}')
    if normalize:
        array = (array / lengths[:, None]).astype(np.float32)
    return array


def as_metadata(
    metadata: Sequence[Mapping[str, Any]] | None, ids: list[str]
) -> list[str] | None:
    """Each item's metadata as JSON text.

    Raises:
        GalleryError: not one dict for each item, a column's name, or no JSON value.
    """
    if metadata is None:
        return None
    if not is_listing(metadata, len(ids)):
        raise GalleryError(f'metadata must be a list of {len(ids)} dicts, one for each id')
    return [_as_json(one, id_) for one, id_ in zip(metadata, ids, strict=True)]


def as_hashes(hashes: Sequence[str | None] | None, count: int) -> list[str | None] | None:
    """The hashes as a list, one for each of ``count`` items, or None.

    Raises:
        GalleryError: not one text or None for each item.
    """
    if hashes is None:
        return None
    if not is_listing(hashes, count):
        raise GalleryError(f'hashes must be a list of {count} texts, one for each id')
    for one in hashes:
        if one is not None and not (isinstance(one, str) and one and _is_text(one)):
            raise GalleryError(f'a hash must be a text or None, got {one!r:.100}')
    return list(hashes)


def read_metadata(text: object, id_: object, hash_: object = None) -> dict[str, Any]:
    """The dict of a stored item, whose values JSON can have, as they become JSON again.

    Raises:
        GalleryError: it is not one, or ``id_`` or ``hash_`` is no text; the gallery is damaged
            or no gallery.
    """
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)  # type: ignore[arg-type]
        if '\\ud' in text.lower():  # type: ignore[attr-defined]
            # Perhaps a half of a surrogate pair, which is no text.
            json.dumps(value, ensure_ascii=False).encode()
        _require_flat(value)
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(id_, str):
        raise GalleryError(f'the metadata of the item {printable(str(id_))!r} is damaged')
    if not isinstance(hash_, str | None):
        raise GalleryError(f'the hash of the item {printable(id_)!r} is damaged')
    return value


def _require_flat(value: Any, left: int = MOST_DEPTH) -> None:
    if not isinstance(value, (dict, list, tuple)):
        return
    if not left:
        raise ValueError(f'more than {MOST_DEPTH} lists or dicts in each other')
    for one in value.values() if isinstance(value, dict) else value:
        _require_flat(one, left - 1)


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f'{text} is no number of JSON, or too large')
    return value


def _as_json(metadata: Mapping[str, Any], id_: str) -> str:
    if not isinstance(metadata, Mapping):
        raise GalleryError(f'the metadata of {printable(id_)!r} must be a dict')
    for column, value in metadata.items():
        if check_column(column) in OWN_COLUMNS:
            raise GalleryError(
                f'{column!r} is no column of metadata: ids and hashes are given by themselves'
            )
        if not is_comparable(value):
            raise GalleryError(
                f'the metadata of {printable(id_)!r} has {value!r:.100} in {column!r}, which '
                f'cannot be distinguished from others in a search; {COMPARABLE}'
            )
    try:
        text = json.dumps(
            dict(metadata), ensure_ascii=False, allow_nan=False, default=_plain_number
        )
        text.encode()
        _require_flat(dict(metadata))
    except (TypeError, ValueError, RecursionError) as error:
        raise GalleryError(
            f'the metadata of {printable(id_)!r} cannot be written as JSON ({error})'
        ) from error
    return text


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f'{type(value).__name__} is no JSON value')


def _is_text(text: str) -> bool:
    return '\0' not in text and not any('\ud800' <= char <= '\udfff' for char in text)
