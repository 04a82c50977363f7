from __future__ import annotations

import os
from pathlib import Path

from msvitreid.errors import CheckpointError, ConfigError, ReIDError

from .contents import read_contents, refused
from .digest import DIGEST_KEY, digest_of
from .exported_net import ExportedNet
from .formats import export_formats, format_of, require_packages, require_safe_to_open


def load_exported(path: str | os.PathLike[str], trusted: bool = False) -> ExportedNet:
    """A file that ``msvitreid export`` wrote, as a net that :class:`ReIDInferencer` takes.

    Args:
        path: of the file; its suffix says what it is.
        trusted: you know who wrote the file. Without it formats whose reader runs what a file
            says are refused.

    Raises:
        CheckpointError: the file is missing, cut off, of another kind, holds what could run or
            names other files, what it says of itself is missing or malformed, or it is not as it
            was when it was exported.
        ConfigError: its runtime is not installed, or the suffix is unknown.
    """
    chosen = format_of(path)
    if chosen is None:
        suffixes = ', '.join(kind.suffix for kind in export_formats().values())
        raise ConfigError(f'{str(path)!r} must end with one of {suffixes}')
    if not trusted:
        require_safe_to_open(chosen, path)
    require_packages(chosen)
    try:
        texts, run, parts = chosen.read(Path(path))
    except ReIDError:
        raise
    except OSError as error:
        raise CheckpointError(
            f'{str(error.filename or path)!r} cannot be read: {error.strerror or error}'
        ) from error
    except Exception as error:
        # Parsers of other libraries raise exceptions of any class.
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise refused(path, reason) from error
    contents = read_contents(texts, chosen.name, path)
    stated = texts.get(DIGEST_KEY, '')
    if digest_of(parts, stated) != stated:
        raise refused(path, 'it was changed after it was exported, or has no digest of itself')
    return ExportedNet(contents, run, path)
