"""A look at the ZIP archive that ``torch.save`` writes, before torch reads it."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from struct import error as TooShort
from struct import unpack_from
from typing import BinaryIO, cast

from msvitreid.errors import CheckpointError
from msvitreid.utils.printable import printable

from .pickle_scan import PickleError, scan_pickle

END = b'PK\5\6'
END_64 = b'PK\6\6'
LOCATOR_64 = b'PK\6\7'


def require_sound_archive(path: Path) -> None:
    """Refuse an archive that is damaged, or that could keep torch from ending.

    The check sums of all records are compared, which torch itself does not do.

    Raises:
        CheckpointError: it is TorchScript, has compressed records, its directory is not where it
            must be or claims more bytes than the file has, a check sum is wrong, or its pickle
            is refused by :func:`scan_pickle`.
        OSError: it cannot be read.
    """
    with open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        try:
            _require_one_directory(file, size)
            with zipfile.ZipFile(file) as archive:
                _require_plain_records(path, archive.infolist(), size)
                damaged = archive.testzip()
                if damaged is None:
                    _scan_pickles(path, archive)
        except (zipfile.BadZipFile, TooShort, ValueError, NotImplementedError) as error:
            if isinstance(error, CheckpointError):
                raise
            raise _is_no_archive(path) from error
    if damaged is not None:
        raise CheckpointError(
            f'checkpoint {str(path)!r} is damaged: the check sum of its record '
            f'{printable(damaged)!r} is wrong; copy or download it again, or use another '
            'checkpoint of the run'
        )


def _require_plain_records(path: Path, records: Sequence[zipfile.ZipInfo], size: int) -> None:
    if any(record.filename.endswith('/constants.pkl') for record in records):
        raise CheckpointError(
            f'checkpoint {str(path)!r} is a TorchScript program, not weights; load it where it '
            'is trusted and save its state_dict() with torch.save'
        )
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise CheckpointError(
            f'checkpoint {str(path)!r} has compressed records, which torch.save never writes '
            'and which may inflate without bound; ask its author for the file as it was saved'
        )
    # Torch's reader does not tell capitals from small letters, and Python's ends names at a NUL:
    # each could find a pickle of its own.
    names = {record.orig_filename.casefold() for record in records}
    if len(names) < len(records) or not all(
        name.isascii() and '\0' not in name for name in names
    ):
        raise _is_no_archive(path)
    # Records that overlap would be read several times.
    if sum(record.file_size for record in records) > size:
        raise _is_no_archive(path)


def _scan_pickles(path: Path, archive: zipfile.ZipFile) -> None:
    for record in archive.infolist():
        if record.filename.casefold().endswith('data.pkl'):
            with archive.open(record) as file:
                refuse_unbounded(path, io.BufferedReader(cast(io.RawIOBase, file)))


def _require_one_directory(file: BinaryIO, size: int) -> None:
    """Check that the directory lies right before the end records, and these end the file.

    Elsewhere, torch's reader and Python's could each find a directory of its own.

    Raises:
        ValueError: it does not.
        struct.error: the file is too short for a directory.
    """
    at = max(0, size - 98)
    file.seek(at)
    tail = file.read()
    end = len(tail) - 22
    mark, length, start, comment = unpack_from('<4s8xIIH', tail, end)
    ends = size - 22
    if end >= 20 and tail[end - 20 : end - 16] == LOCATOR_64:
        (ends,) = unpack_from('<8xQ', tail, end - 20)
        mark_64, length_64, start_64 = unpack_from('<4s36xQQ', tail)
        if mark_64 != END_64 or ends != at:
            raise ValueError('the end records of ZIP64 are not where they must be')
        if length not in (length_64, 0xFFFFFFFF) or start not in (start_64, 0xFFFFFFFF):
            raise ValueError('the two end records differ')
        length, start = length_64, start_64
    if mark != END or comment or start + length != ends:
        raise ValueError('the directory does not lie right before the end of the file')


def refuse_unbounded(path: Path, file: BinaryIO) -> None:
    """Scan one pickle of a checkpoint.

    Raises:
        CheckpointError: it is refused.
    """
    try:
        scan_pickle(file)
    except PickleError as error:
        raise CheckpointError(f'checkpoint {str(path)!r} {error}') from error


def _is_no_archive(path: Path) -> CheckpointError:
    return CheckpointError(f'checkpoint {str(path)!r} is truncated or not a PyTorch file')
