"""Image files by id: what folders, patterns, lists and single paths stand for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msvitreid.apis.image_inputs import WILDCARDS, image_inputs
from msvitreid.datasets.readers.listed_values import path_below
from msvitreid.datasets.readers.text_files import read_lines
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.gallery.checks import MAX_ID
from msvitreid.utils.printable import printable
from msvitreid.utils.regular_file import read_regular_file

if TYPE_CHECKING:
    from msvitreid.gallery import GalleryStore


class ImageFile(NamedTuple):
    """An image file: its path below the folder that was given, with ``/``, and its whole path."""

    id: str
    path: str


@dataclass(frozen=True)
class ListedImages:
    """Image files, sorted by id.

    Attributes:
        files: the images.
        folders: whole paths of the folders among the inputs, all of whose images are listed.
        base: folder that relative paths in a table of metadata refer to.
        failed: what cannot be an item of a gallery: path to reason.
    """

    files: list[ImageFile]
    folders: tuple[str, ...] = ()
    base: str = '.'
    failed: dict[str, str] = field(default_factory=dict)


class _Input(NamedTuple):
    """One input: its paths, the folder they are named by, and whether it is that folder."""

    paths: list[str]
    base: str
    is_folder: bool


def list_image_files(
    inputs: Iterable[str | os.PathLike[str]], root: str | os.PathLike[str] | None = None
) -> ListedImages:
    """The images that the inputs of a command stand for.

    Args:
        inputs: folders (searched with those below them), image files, patterns such as
            ``'*/a*.jpg'``, and ``'@list.txt'``: a text file with a path in each line, relative
            to the folder of the list. A file that is named twice is listed once.
        root: folder that ids are relative to. By default that is the folder given, the part of
            a pattern without wildcards, the folder of a list, or the folder of a single file.

    Raises:
        DatasetError: an input is missing or has no image, a list cannot be read, an image does
            not lie below ``root``, or two images have one id.
    """
    expanded = [_expanded(os.fspath(value)) for value in inputs]
    top = None if root is None else os.path.abspath(root)
    failed: dict[str, str] = {}
    by_id: dict[str, str] = {}
    seen: set[str] = set()
    for paths, base, _ in expanded:
        for path in map(os.path.abspath, paths):
            if path in seen:
                continue
            seen.add(path)
            id_ = _id_below(top or base, path)
            if reason := _unusable(id_):
                failed[path] = reason
                continue
            if by_id.setdefault(id_, path) != path:
                raise DatasetError(
                    f'{printable(path)!r} and {printable(by_id[id_])!r} would have one id, '
                    f'{printable(id_)!r}; give the folder that ids are relative to (--root)'
                )
    files = [ImageFile(id_, by_id[id_]) for id_ in sorted(by_id)]
    folders = tuple(dict.fromkeys(one.base for one in expanded if one.is_folder))
    bases = {one.base for one in expanded}
    base = top or (bases.pop() if len(bases) == 1 else os.path.abspath('.'))
    return ListedImages(files, folders, base, failed)


def image_paths(inputs: Iterable[str | os.PathLike[str]]) -> list[str]:
    """The paths alone, in the order of the inputs; see :func:`list_image_files`.

    Raises:
        DatasetError: an input is missing or has no image, or a list cannot be read.
    """
    return [path for value in inputs for path in _expanded(os.fspath(value)).paths]


def require_outside(
    output: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]], what: str
) -> None:
    """Check that a result does not come to lie among the images, or in place of what is read.

    Args:
        output: file or folder that is to be written; of a URL nothing is checked.
        inputs: all that a command reads: folders and galleries, in which nothing may be written,
            and files, patterns and lists, none of whose files may be ``output``.
        what: the result, for the message.

    Raises:
        ConfigError: it lies in one of the folders, or is one of the files.
        DatasetError: a pattern or a list cannot be read.
    """
    if '://' in os.fspath(output):
        return
    place = os.path.realpath(output)
    for value in inputs:
        path = os.fspath(value).removeprefix('@')
        given = os.path.realpath(path)
        is_inside = os.path.isdir(given) and Path(given) in (Path(place), *Path(place).parents)
        if is_inside or given == place or _stands_for(os.fspath(value), place):
            raise ConfigError(
                f'{what} {os.fspath(output)!r} would be written into {path!r}, which is only '
                'read; choose another place'
            )


def require_no_image_of(
    gallery: GalleryStore,
    output: str | os.PathLike[str],
    root: str | os.PathLike[str] | None,
    what: str,
) -> None:
    """Check that a result does not take the place of an image that a gallery was made of.

    Args:
        gallery: its items' ids and column ``path`` say where images are.
        output: file that is to be written.
        root: folder that ids are relative to (default: the current one).
        what: the result, for the message.

    Raises:
        ConfigError: it does.
    """
    places = {os.path.abspath(output), os.path.realpath(output)}
    top = os.curdir if root is None else root
    tops = {os.path.abspath(top), os.path.realpath(top)}
    ids = {os.path.relpath(place, top).replace(os.sep, '/') for place in places for top in tops}
    if gallery.count({'path': sorted(places)}) or gallery.count({'id': sorted(ids)}):
        raise ConfigError(
            f'{what} {os.fspath(output)!r} is an image of the gallery; choose another name'
        )


def image_path(
    id_: str, metadata: Mapping[str, Any], root: str | os.PathLike[str] | None = None
) -> str | None:
    """Where the image of an item is: below ``root``, or what its column ``path`` says."""
    if root is not None:
        try:
            return path_below(Path(os.path.abspath(root)), id_)
        except ValueError:
            return None
    path = metadata.get('path')
    return path if isinstance(path, str) and os.path.isabs(path) and '\0' not in path else None


def content_hash(path: str) -> str:
    """SHA-256 of a file.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return hashlib.sha256(read_regular_file(path)).hexdigest()
    except OSError as error:
        raise DatasetError(
            f'{printable(path)}: the image cannot be read ({error.strerror or error})'
        ) from error


def _stands_for(value: str, place: str) -> bool:
    """Whether a file is among those of a pattern or a list."""
    is_list = value.startswith('@') and not os.path.lexists(value)
    is_pattern = not os.path.lexists(value) and any(char in value for char in WILDCARDS)
    if not (is_list or is_pattern):
        return False
    return any(os.path.realpath(path) == place for path in _expanded(value).paths)


def _expanded(value: str) -> _Input:
    if value.startswith('@') and not os.path.lexists(value):
        return _listed(value[1:])
    if os.path.isdir(value):
        return _Input(_paths(value), os.path.abspath(value), True)
    if os.path.lexists(value):
        return _Input([value], os.path.dirname(os.path.abspath(value)), False)
    if not any(char in value for char in WILDCARDS):
        raise DatasetError(f'{printable(value)!r}: there is no such file or folder')
    start = min(value.index(char) for char in WILDCARDS if char in value)
    return _Input(_paths(value), os.path.abspath(os.path.dirname(value[:start])), False)


def _paths(value: str) -> list[str]:
    return [image.value for image in image_inputs(value)]


def _listed(file: str) -> _Input:
    base = os.path.dirname(os.path.abspath(file))
    lines = [line.strip() for line in read_lines(Path(file))]
    paths = [os.path.join(base, line) for line in lines if line]
    if not paths:
        raise DatasetError(f'{printable(file)}: the list is empty; write a path into each line')
    return _Input(list(_images_of(paths)), base, False)


def _images_of(paths: list[str]) -> Iterator[str]:
    for path in paths:
        yield from _paths(path) if os.path.isdir(path) else [path]


def _id_below(base: str, path: str) -> str:
    id_ = os.path.relpath(path, base).replace(os.sep, '/')
    if id_ == '..' or id_.startswith('../'):
        raise DatasetError(
            f'{printable(path)!r} does not lie below {base!r}, which ids are relative to; give '
            'a folder above it (--root)'
        )
    return id_


def _unusable(id_: str) -> str:
    if len(id_) > MAX_ID:
        return f'its path has {len(id_):,} characters, more than the {MAX_ID:,} of an id'
    try:
        id_.encode()
    except UnicodeEncodeError:
        return 'its name is no Unicode text and cannot be an id; rename it'
    return ''
