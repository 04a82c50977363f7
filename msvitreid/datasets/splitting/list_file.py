"""The list of a split, in the format that ``ReIDDataset`` reads."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from msvitreid.datasets.inspection.duplicates import same_bytes
from msvitreid.datasets.left_out import LeftOut
from msvitreid.datasets.readers.csv_list import read_csv
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.utils.files import atomic_write, make_folder, require_writable, sha256_of
from msvitreid.utils.printable import counted, printable

from .dealing import Crop, Dealing, deal
from .source import read_source

SPLITS = ('train', 'query', 'gallery')
#: Names of identities that a note shows.
SHOWN = 5


@dataclass(frozen=True)
class SplitOptions:
    """How identities are dealt; see :func:`~msvitreid.datasets.splitting.deal`."""

    test_fraction: float = 0.3
    queries_per_camera: int = 2
    single_images: Literal['gallery', 'train'] = 'gallery'
    seed: int = 0


def write_split(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    camera_pattern: str | None = None,
    options: SplitOptions = SplitOptions(),
) -> dict[str, Any]:
    """Deal the identities of a folder or list into training and test, and write the list.

    The list has the columns path, pid, camid (if a camera is known) and split. Paths are relative
    to ``root``, which is the ``data_root`` to train with.

    Args:
        source: a folder per identity, or a CSV file with path, pid and perhaps camid.
        out: the list to write; ``None``: ``split.csv`` in ``root``.
        root: of a list, the folder that its paths are relative to; ``None``: the list's own.
        camera_pattern: of a folder, a regular expression whose first group is the camera's number
            in a file's name.
        options: how to deal.

    Returns:
        ``file``, ``data_root``, ``sha256`` of the list, ``options``, counts by split, and
        ``notes``, sentences on what a user should know.

    Raises:
        ConfigError: an option has no such value, or ``out`` is a file that is read.
        DatasetError: the source cannot be read, or has too few identities.
        OutputError: the list cannot be written.
    """
    source = Path(source)
    if source.is_dir() and root is not None:
        raise ConfigError(
            f'{str(source)!r} is a folder, to which its paths are relative already'
        )
    folder = source if source.is_dir() else Path(root if root is not None else source.parent)
    file = folder / 'split.csv' if out is None else Path(out)
    if file.exists() and source.exists() and os.path.samefile(file, source):
        raise ConfigError(f'{str(file)!r} is the list that is read; name another file to write')
    require_writable(file)
    left_out = LeftOut()
    crops = read_source(source, folder, camera_pattern, left_out)
    place = {str(folder / crop.path): crop.path for crop in crops}
    copies = [
        [place[path] for path in group] for group in same_bytes(sorted(place)) if len(group) > 1
    ]
    dealing = deal(crops, copies, **asdict(options))
    make_folder(file.parent)
    with atomic_write(file) as temporary:
        _write(temporary, dealing, any(crop.camid for crop in crops))
        _read_back(temporary, folder, file)
    counts = {split: _counts(getattr(dealing, split)) for split in SPLITS}
    return {
        'file': str(file),
        'data_root': str(folder),
        'sha256': sha256_of(file),
        'options': asdict(options),
        **counts,
        'notes': list(_notes(dealing, options, left_out, copies)),
    }


def _write(path: Path, dealing: Dealing, with_cameras: bool) -> None:
    columns = ['path', 'pid', *(['camid'] if with_cameras else []), 'split']
    with open(path, 'w', newline='', encoding='utf-8', errors='strict') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(columns)
        for split in SPLITS:
            for crop in getattr(dealing, split):
                row = {**crop._asdict(), 'path': Path(crop.path).as_posix(), 'split': split}
                try:
                    writer.writerow([row[column] for column in columns])
                except UnicodeEncodeError as error:
                    raise DatasetError(
                        f'{printable(crop.path)}: the name is not UTF-8, as a list must be; '
                        'rename the file'
                    ) from error


def _read_back(path: Path, root: Path, file: Path) -> None:
    """Have the reader refuse what it would refuse later, such as a name that ends in a space."""
    try:
        read = [
            record
            for split in ('train', 'test')
            for records in read_csv(path, root, split).values()
            for record in records
        ]
    except DatasetError as error:
        raise DatasetError(str(error).replace(str(path), str(file))) from error
    for record in read:
        if not os.path.lexists(record.img_path):
            raise DatasetError(
                f'{printable(record.img_path)}: this name cannot be written in a list, since '
                'white space around it would be lost; rename the file'
            )


def _counts(crops: Iterable[Crop]) -> dict[str, int]:
    crops = list(crops)
    return {
        'images': len(crops),
        'identities': len({crop.pid for crop in crops}),
        'cameras': len({crop.camid for crop in crops} - {''}),
    }


def _notes(
    dealing: Dealing, options: SplitOptions, left_out: LeftOut, copies: list[list[str]]
) -> Iterable[str]:
    if not any(crop.camid for crop in (*dealing.train, *dealing.query)):
        yield (
            'no camera is known, so a query may find the next picture of the same moment, which '
            'is easy; state cameras by --camera-pattern, or in the column camid'
        )
    if dealing.single:
        goes = (
            'in the gallery, where no query looks for it'
            if options.single_images == 'gallery'
            else 'trained on'
        )
        yield f'{_named(dealing.single)} one image each: {goes} (unless it is a copy of another)'
    if dealing.unmatched:
        yield (
            f'{_named(dealing.unmatched)} images of one camera only, so that no query finds '
            'another: trained on'
        )
    if dealing.linked:
        example = printable(' and '.join(dealing.linked[0][:SHOWN]))
        yield (
            f'identities that share a file of the same bytes ({example}; in all '
            f'{counted(len(dealing.linked), "group")}) are on one side; are they one with several '
            'names?'
        )
    if copies:
        yield (
            f'{counted(len(copies), "image")} with copies of the same bytes, for instance '
            f'{printable(copies[0][0])}: all copies of an image are in one split'
        )
    if left_out:
        yield f'not read: {left_out}'


def _named(pids: tuple[str, ...]) -> str:
    names = ', '.join(printable(pid, 40) for pid in pids[:SHOWN])
    more = ', ...' if len(pids) > SHOWN else ''
    if len(pids) == 1:
        return f'1 identity ({names}) has'
    return f'{len(pids):,} identities ({names}{more}) have'
