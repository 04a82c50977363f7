"""Listings kept from earlier runs: on network storage, listing 100,000 files takes minutes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from .file_states import FileState, file_state, noting_reads
from .image_record import ImageRecord

CACHE_VARIABLE = 'MSVITREID_CACHE_DIR'

#: Nanoseconds. File systems count time in steps of up to two seconds: in a folder that changed
#: just before it was listed, a change just after may leave the same time.
UNSETTLED = 2_000_000_000

#: Attributes of a dataset that have no part in what it lists.
NO_MATTER = (
    '_indices',
    'listing_cache',
    'on_count_mismatch',
    'on_unreadable',
    'pipeline',
    'serialize_data',
)

Listing = dict[str, list[ImageRecord]]


def cache_folder() -> Path | None:
    """Where listings are kept: ``$MSVITREID_CACHE_DIR/listings``, else in ``~/.cache/msvitreid``.

    ``None`` if the variable is set to nothing, or there is no home.
    """
    chosen = os.environ.get(CACHE_VARIABLE, '~/.cache/msvitreid')
    try:
        return Path(chosen).expanduser() / 'listings' if chosen else None
    except RuntimeError:
        return None


def cached_listing(dataset: object, root: Path, read: Callable[[], Listing]) -> Listing:
    """What ``read`` returns, from the cache if nothing it depended on has changed since.

    The cache holds the state of everything that ``read`` noted with
    :func:`~msvitreid.datasets.file_states.note_read`, and is used only while all of it is
    as it was. A file of the cache is JSON, appears only when complete, and is read anew
    from the data if it is damaged; that it cannot be written is no error.

    Args:
        dataset: Its class and attributes are what else the listing depends on.
        root: The dataset's folder.
        read: Gives the images by split.
    """
    folder = cache_folder()
    if folder is None:
        return read()
    key = _key(dataset, root)
    # Without the code's state, so that a new version replaces an old one's file.
    lasting = {name: value for name, value in key.items() if name != 'code'}
    digest = hashlib.sha256(json.dumps(lasting).encode()).hexdigest()
    file = folder / f'{type(dataset).__name__}-{digest[:32]}.json'
    found = _load(file, key)
    if found is not None:
        print_log(f'{file}: listing taken from the cache', 'current', logging.DEBUG)
        return found
    started = time.time_ns()
    with noting_reads() as states:
        listing = read()
    if states and all(_settled(state, started) for state in states.values()):
        splits = {split: list(zip(*records, strict=True)) for split, records in listing.items()}
        _store(file, {'key': key, 'states': states, 'splits': splits})
    return listing


def _key(dataset: object, root: Path) -> dict[str, str]:
    """All that a listing depends on beside the files; a difference too many only re-lists."""
    kind = type(dataset)
    options = {
        name: value for name, value in sorted(vars(dataset).items()) if name not in NO_MATTER
    }
    modules = (sys.modules.get(parent.__module__) for parent in kind.__mro__)
    sources = {str(getattr(module, '__file__', '')) for module in modules}
    sources.update(map(str, Path(__file__).parent.glob('*.py')))
    return {
        'dataset': f'{kind.__module__}.{kind.__qualname__}',
        # Both: a listing gives paths as they were asked for, relative ones perhaps.
        'root': str(root),
        'absolute': os.path.abspath(root),
        'options': repr(options),
        'code': repr([(path, file_state(path)) for path in sorted(sources)]),
    }


def _settled(state: FileState, now: int) -> bool:
    return state is None or state[0] < now - UNSETTLED


def _load(file: Path, key: Mapping[str, str]) -> Listing | None:
    """The listing in a file of the cache; ``None`` if it is missing, damaged or outdated."""
    try:
        document = json.loads(file.read_bytes())
        if document['key'] != key:
            return None
        for path, state in document['states'].items():
            if file_state(path) != tuple(state):
                return None
        return {split: _records(*columns) for split, columns in document['splits'].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _records(paths: list[str], pids: list[int], camids: list[int]) -> list[ImageRecord]:
    for column, kind in ((paths, str), (pids, int), (camids, int)):
        if not all(type(value) is kind for value in column):
            raise TypeError(f'not a column of {kind}')
    return [ImageRecord(*record) for record in zip(paths, pids, camids, strict=True)]


def _store(file: Path, document: Mapping[str, Any]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A name of its own for every writer: all ranks of a run start at once.
        handle, temporary = tempfile.mkstemp('.tmp', dir=file.parent)
        try:
            with open(handle, 'w', encoding='utf-8') as stream:
                json.dump(document, stream)
            os.replace(temporary, file)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        print_log(f'{file}: the listing is not kept ({error})', 'current', logging.DEBUG)
