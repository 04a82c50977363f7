from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from torch.utils.data import Dataset

#: What an entry says of its image; ``gt_label`` is mmpretrain's name.
FIELDS = ('pid', 'camid', 'label', 'gt_label', 'split')

#: What makes an identity.
IDENTITY = ('pid', 'label', 'gt_label')

_KNOWN: WeakKeyDictionary[Dataset[Any], dict[str, str]] = WeakKeyDictionary()


def listing_digest(dataset: Dataset[Any]) -> dict[str, str]:
    """What a dataset lists, as counts with digests, wherever its folder lies.

    Two datasets agree if their images have the same paths below the folder that is common to
    all of them (of a joined dataset: to all of a member), in the same order, with the same
    identities, cameras and labels.

    Args:
        dataset: mmengine's, or a wrapper of one; the pipeline is not run.

    Returns:
        ``images`` and ``identities`` (with their labels), each a text like
        ``'48 (sha256 0123456789abcdef)'``; empty for a dataset without ``get_data_info``.
    """
    if not hasattr(dataset, 'get_data_info'):
        return {}
    if dataset not in _KNOWN:
        _KNOWN[dataset] = _digest(dataset)
    return dict(_KNOWN[dataset])


def _digest(dataset: Any) -> dict[str, str]:
    # Read twice instead of kept: ImageNet's entries as objects would take half a gigabyte.
    prefixes = _prefixes(dataset)
    images = hashlib.sha256()
    identities = set()
    for entry in _entries(dataset):
        facts = {key: _plain(entry[key]) for key in FIELDS if key in entry}
        member, folder, name = _place(entry)
        _add(images, repr((prefixes[member, folder] + name, facts)))
        identities.add(repr([facts.get(key) for key in IDENTITY]))
    of_identities = hashlib.sha256()
    for identity in sorted(identities):
        _add(of_identities, identity)
    return {
        'images': _counted(len(dataset), images),
        'identities': _counted(len(identities), of_identities),
    }


def _entries(dataset: Any) -> Iterator[Mapping[str, Any]]:
    return (dataset.get_data_info(index) for index in range(len(dataset)))


def _place(entry: Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Member, folder as the entry has it (``None`` without a path) and file name."""
    path = entry.get('img_path')
    folder, name = os.path.split(path) if path else (None, '.')
    return str(entry.get('dataset', '')), folder, name


def _prefixes(dataset: Any) -> dict[tuple[str, str | None], str]:
    """What stands before a file name, below the folder that holds all of a member's images."""
    members: dict[str, set[str | None]] = {}
    for entry in _entries(dataset):
        member, folder, _ = _place(entry)
        members.setdefault(member, set()).add(folder)
    return {
        (member, folder): prefix
        for member, folders in members.items()
        for folder, prefix in _below_common(folders)
    }


def _below_common(folders: set[str | None]) -> Iterator[tuple[str | None, str]]:
    absolute = {folder: '' if folder is None else os.path.abspath(folder) for folder in folders}
    try:
        common = os.path.commonpath(absolute.values())
    except ValueError:  # on several drives, or entries without a path
        common = ''
    for folder, path in absolute.items():
        below = PurePath(os.path.relpath(path, common) if common else path).as_posix()
        yield folder, '' if below == '.' else below.rstrip('/') + '/'


def _plain(value: Any) -> Any:
    return value if type(value) in (int, str) else np.asarray(value).tolist()


def _add(digest: Any, item: str) -> None:
    digest.update(item.encode('utf-8', 'surrogateescape') + b'\0')


def _counted(count: int, digest: Any) -> str:
    return f'{count:,} (sha256 {digest.hexdigest()[:16]})'
