"""Reading checkpoint files without ever running what they contain."""

from __future__ import annotations

import io
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from msvitreid.errors import CheckpointError
from msvitreid.utils.files import atomic_write, sha256_of
from msvitreid.utils.printable import printable
from msvitreid.utils.regular_file import size_of_regular_file

from .archive import refuse_unbounded, require_sound_archive
from .pickle_scan import MAGIC

#: A file of torch 1.5 or older after its opcode of the protocol: a pickle of the magic number.
LEGACY_HEAD = b'\x8a\x0a' + MAGIC + b'.'
#: The magic number, the version, the system, the content, the keys of the storages.
LEGACY_PICKLES = 5


def read_checkpoint(path: str | os.PathLike[str], map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a ``torch.save`` file with ``weights_only=True``.

    Before torch reads it, the check sums of an archive are compared (files of torch 1.5 and older
    have none) and its pickle is scanned, so that opening ends whatever the file is.

    A config text in its metadata (``meta.config``) is dropped: mmengine would execute it
    on resuming.

    Raises:
        CheckpointError: the file is missing, no regular file, truncated, damaged, compressed or
            of another kind, would take unbounded time to read, or contains pickled objects other
            than tensors and plain containers (they are not run).
    """
    path = Path(path)
    size = size_of_checkpoint(path)
    try:
        _require_loadable(path, size)
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)', str(error))
        if found is None:
            # Which of these errors a damaged file raises differs between versions of torch.
            raise CheckpointError(
                f'checkpoint {str(path)!r} is truncated or not a PyTorch file'
            ) from error
        raise CheckpointError(
            f'checkpoint {str(path)!r} contains pickled code ({found[1]}); it was refused and '
            'not run: ask its author for a file of tensors only'
        ) from error
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:
        # A file of another kind makes the unpickler stumble in many ways, KeyError included.
        raise CheckpointError(
            f'checkpoint {str(path)!r} is truncated or not a PyTorch file'
        ) from error
    if not isinstance(checkpoint, dict):
        raise CheckpointError(
            f'checkpoint {str(path)!r} holds a {type(checkpoint).__name__}, not a dict of tensors'
        )
    meta = checkpoint.get('meta')
    if isinstance(meta, dict):
        meta.pop('config', None)
    return checkpoint


def digest(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        CheckpointError: the file is missing, a folder or no regular file.
    """
    size_of_checkpoint(path)
    try:
        return sha256_of(path)
    except OSError as error:
        raise unreadable(path, error) from error


def extract_state_dict(
    checkpoint: Mapping[str, Any], source: str | os.PathLike[str]
) -> dict[str, Tensor]:
    """The state dict of a checkpoint, without the ``module.`` that wrappers add to names.

    Nested tensors, which have no shape, are passed over like all that is no tensor.

    Raises:
        CheckpointError: there are no tensors in it, or one both with and without ``module.``.
    """
    weights = checkpoint
    for key in ('state_dict', 'model'):
        if isinstance(weights.get(key), Mapping):
            weights = weights[key]
    tensors: dict[str, Tensor] = {}
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.is_nested:
            continue
        bare = name.removeprefix('module.')
        if bare in tensors:
            raise CheckpointError(
                f'checkpoint {str(source)!r} holds both {printable(bare)!r} and '
                f'{printable("module." + bare)!r}; remove one of them'
            )
        tensors[bare] = value
    if not tensors:
        raise CheckpointError(f'checkpoint {str(source)!r} holds no weights')
    return tensors


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """``torch.save`` to a file that appears under its name only when it is complete.

    Raises:
        OutputError: the file cannot be written; its folder must exist.
    """
    content = io.BytesIO()
    torch.save(dict(checkpoint), content)
    with atomic_write(path) as temporary:
        # Not by torch, which has no error of its own for a full disk.
        temporary.write_bytes(content.getbuffer())


def size_of_checkpoint(path: str | os.PathLike[str]) -> int:
    """Bytes of a file of weights, without opening it.

    Raises:
        CheckpointError: it is missing, a folder or no regular file.
    """
    try:
        return size_of_regular_file(path)
    except IsADirectoryError as error:
        raise CheckpointError(
            f'checkpoint {str(path)!r} is a folder; name a file in it, such as averaged.pth'
        ) from error
    except FileNotFoundError as error:
        raise CheckpointError(f'checkpoint {str(path)!r} does not exist') from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: str | os.PathLike[str], error: OSError) -> CheckpointError:
    """The error for a file of weights that the system does not let read."""
    return CheckpointError(f'checkpoint {str(path)!r} cannot be read ({error.strerror})')


def _require_loadable(path: Path, size: int) -> None:
    """Check all that can be checked before torch reads the file."""
    if not size:
        raise CheckpointError(f'checkpoint {str(path)!r} is truncated or not a PyTorch file')
    with open(path, 'rb') as file:
        head = file.read(len(LEGACY_HEAD) + 2)
        if head[:4] != b'PK\3\4':
            file.seek(0)
            # Torch reads no further than the first pickle if that is not the magic number.
            for _ in range(LEGACY_PICKLES if head[2:] == LEGACY_HEAD else 1):
                refuse_unbounded(path, file)
            return
    require_sound_archive(path)
