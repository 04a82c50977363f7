"""Test images that a net has seen, or is asked to find by themselves: what is cheap to notice.

Copies with other names are looked for by ``check_dataset.py``, which reads the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from msvitreid.utils.printable import printable

from .readers.spellings import same_names

if TYPE_CHECKING:
    from .base import ReIDDataset

File = Any


def leak_warnings(train: ReIDDataset | None, test: ReIDDataset) -> Iterator[str]:
    """A sentence for each kind of leak between two splits.

    Files are one where their paths are; of own data also where a link leads to the same file.
    Identities are compared by name, in whatever spelling, and of own data in one folder only:
    elsewhere the same number may mean two.

    Args:
        train: of split 'train', if it is known.
        test: of another split.
    """
    entries = _entries(test)
    file_of = _same_file if test.is_own_data else _same_path
    queries = [entry for entry in entries if entry['split'] == 'query']
    gallery = _by_file((e for e in entries if e['split'] == 'gallery'), file_of)
    found = [
        query['img_path']
        for query in queries
        if any(is_leak(query, image) for image in gallery.get(file_of(query['img_path']), ()))
    ]
    if found:
        yield (
            f'{len(found):,} of {len(queries):,} queries are in the gallery themselves, '
            f'as {printable(found[0])}: figures are too good'
        )
    if train is None:
        return
    trained = _entries(train)
    seen = _by_file(trained, file_of)
    paths = [e['img_path'] for e in entries if file_of(e['img_path']) in seen]
    if paths:
        yield (
            f'{len(paths):,} of {len(entries):,} test images are training images, '
            f'as {printable(paths[0])}: figures are too good'
        )
    if train.is_own_data and test.is_own_data and _same_folder(train, test):
        known = {train.id_names.full_pid(entry['pid']) for entry in trained}
        names = {test.id_names.full_pid(entry['pid']) for entry in entries}
        shared = same_names(sorted(names), known)
        if shared:
            name, trained_as = next(iter(shared.items()))
            spelled = '' if name == trained_as else f' ({printable(trained_as, 40)!r} there)'
            yield (
                f'{len(shared):,} of {len(names):,} test identities are trained on, '
                f'as {printable(name, 40)!r}{spelled}: figures are too good'
            )


def is_leak(query: dict[str, Any], image: dict[str, Any]) -> bool:
    """Whether a query that is this gallery image finds it.

    Under the Market rule images of the query's identity and camera are left out: VeRi-776
    repeats all queries in its gallery.
    """
    same = query['pid'] == image['pid'] and query['camid'] == image['camid']
    return not same or query['camid'] == -1


def _entries(dataset: ReIDDataset) -> list[dict[str, Any]]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def _by_file(
    entries: Iterable[dict[str, Any]], file_of: Callable[[str], File]
) -> dict[File, list[dict[str, Any]]]:
    files: dict[File, list[dict[str, Any]]] = {}
    for entry in entries:
        files.setdefault(file_of(entry['img_path']), []).append(entry)
    return files


def _same_path(path: str) -> File:
    return os.path.abspath(path)


def _same_file(path: str) -> File:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    return status.st_dev, status.st_ino


def _same_folder(train: ReIDDataset, test: ReIDDataset) -> bool:
    return os.path.realpath(train.find_root()) == os.path.realpath(test.find_root())
