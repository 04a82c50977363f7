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

_KNOWN: WeakKeyDictionary[Dataset, dict[str, str]] = WeakKeyDictionary()


def listing_digest(dataset: Dataset) -> dict[str, str]:
    """What a dataset lists, as counts with digests, wherever its folder lies.

    Two datasets agree if their images have the same paths below the folder that is common to
    all of them (of a joined dataset: to all of a member), in the same order, with the same
    identities, cameras and labels.

    Args:
        dataset: mmengine's, or a wrapper of one; the pipeline is not run.

    Returns:
        ``images`` and ``identities`` (what is told apart, with its labels), each a text like
        ``'48 (sha256 0123456789abcdef)'``; empty for a dataset without ``get_data_info``.
    """
    if not hasattr(dataset, 'get_data_info'):
        return {}
    if dataset not in _KNOWN:
        _KNOWN[dataset] = _digest(dataset)
    return dict(_KNOWN[dataset])


def _digest(dataset: Any) -> dict[str, str]:
    entries = [_facts(dataset.get_data_info(index)) for index in range(len(dataset))]
    paths = _relative_paths([(member, path) for member, path, _ in entries])
    images = (repr((path, facts)) for path, (_, _, facts) in zip(paths, entries, strict=True))
    identities = {
        repr([facts.get(key) for key in ('pid', 'label', 'gt_label')])
        for _, _, facts in entries
    }
    return {
        'images': _counted(len(entries), images),
        'identities': _counted(len(identities), iter(sorted(identities))),
    }


def _facts(entry: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    facts = {key: np.asarray(entry[key]).tolist() for key in FIELDS if key in entry}
    path = entry.get('img_path')
    return str(entry.get('dataset', '')), os.path.abspath(path) if path else '', facts


def _relative_paths(files: list[tuple[str, str]]) -> Iterator[str]:
    """Paths below the folder that holds all of a member's images."""
    folders: dict[str, set[str]] = {}
    for member, path in files:
        folders.setdefault(member, set()).add(os.path.dirname(path))
    common = {member: _common_folder(found) for member, found in folders.items()}
    for member, path in files:
        below = common[member]
        yield PurePath(os.path.relpath(path, below) if below else path).as_posix()


def _common_folder(folders: set[str]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # on several drives, or entries without a path
        return ''


def _counted(count: int, items: Iterator[str]) -> str:
    sha256 = hashlib.sha256()
    for item in items:
        sha256.update(item.encode('utf-8', 'surrogateescape') + b'\0')
    return f'{count:,} (sha256 {sha256.hexdigest()[:16]})'
