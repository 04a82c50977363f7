from __future__ import annotations

from pathlib import Path

from msvitreid.errors import DatasetError


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 list file, without their ends.

    Raises:
        DatasetError: the file cannot be read or is not UTF-8 text.
    """
    try:
        return path.read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise DatasetError(f'{path}: the list cannot be read ({error.strerror})') from error
    except UnicodeDecodeError as error:
        raise DatasetError(
            f'{path}: the list is not UTF-8 text (byte {error.start}); download it again'
        ) from error
