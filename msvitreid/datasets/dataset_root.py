"""Where a dataset lies on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msvitreid.errors import DatasetError

DATA_ROOT_VARIABLE = 'MSVITREID_DATA_ROOT'


def resolve_data_root(data_root: str | None) -> str:
    """``data_root`` itself, else the environment's ``MSVITREID_DATA_ROOT``, else ``data``."""
    # str: on a command line a folder called 2024 is parsed as a number.
    root = data_root if data_root is not None else os.environ.get(DATA_ROOT_VARIABLE)
    return os.path.expanduser(str(root or 'data'))


def find_dataset_root(
    data_root: str, dataset: str, names: Sequence[str], markers: Sequence[str]
) -> Path:
    """Find the folder that holds a dataset, given that folder or one above it.

    A folder is taken for the dataset's when it holds one of ``markers``. Looked at, in
    this order: ``data_root`` itself, its children called one of ``names``, and their
    children called so (archives often unpack into a folder of their own name). Names
    are compared without case and punctuation.

    Args:
        data_root: The dataset's folder or the folder of all datasets.
        dataset: The dataset's name, for the error.
        names: Names its folder goes by, the official one first.
        markers: Files or folders, relative to the dataset's folder, found in no other
            dataset of a different layout; none: ``data_root`` is the dataset's folder.

    Raises:
        DatasetError: no such folder; the sentence says what was looked for and where.
    """
    if not os.path.isdir(data_root):
        raise DatasetError(
            f'{dataset}: data_root {data_root!r} is not a folder; {_how_to_set(data_root)}'
        )
    if not markers:
        return Path(data_root)
    for candidate in _candidates(Path(data_root), names):
        if any((candidate / marker).exists() for marker in markers):
            return candidate
    raise DatasetError(
        f'{dataset}: not found in data_root {data_root!r}: looked there and in folders called '
        f'{_either(names)} for {_either(markers)}; put the dataset there or '
        f'{_how_to_set(data_root)}'
    )


def _how_to_set(data_root: str) -> str:
    """The environment variable helps only where no config or option states the root itself."""
    advice = 'set the option data_root'
    if data_root == resolve_data_root(None):
        advice += f' or the environment variable {DATA_ROOT_VARIABLE}'
    return advice


def _candidates(parent: Path, names: Sequence[str]) -> Iterator[Path]:
    yield parent
    for child in _children_called(parent, names):
        yield child
        yield from _children_called(child, names)


def _children_called(parent: Path, names: Sequence[str]) -> list[Path]:
    with os.scandir(parent) as children:
        folders = sorted(child.name for child in children if child.is_dir())
    return [
        parent / folder
        for name in names
        for folder in folders
        if _plain(folder) == _plain(name)
    ]


def _plain(name: str) -> str:
    return re.sub(r'[^a-z0-9]', '', name.lower())


def _either(items: Sequence[str]) -> str:
    return ' or '.join(repr(item) for item in items)
