"""Reading checkpoint files without ever running what they contain."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor

from msvitreid.errors import CheckpointError
from msvitreid.utils.files import atomic_write

from .archive import require_plain_archive


def read_checkpoint(path: str | os.PathLike, map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a ``torch.save`` file with ``weights_only=True``.

    A config text in its metadata (``meta.config``) is dropped: mmengine would execute it
    on resuming.

    Raises:
        CheckpointError: the file is missing, a folder, truncated, compressed or of another kind,
            or contains pickled objects other than tensors and plain containers (they are not
            run).
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(_is_folder(path))
    if not path.is_file():
        raise CheckpointError(f'checkpoint {str(path)!r} does not exist')
    try:
        require_plain_archive(path)
        checkpoint = torch.load(path, map_location=map_location, weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL ([\w.]+)', str(error))
        if found is None:
            raise CheckpointError(f'checkpoint {str(path)!r} is not a PyTorch file') from error
        raise CheckpointError(
            f'checkpoint {str(path)!r} contains pickled code ({found[1]}); it was refused and '
            'not run: ask its author for a file of tensors only'
        ) from error
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


def digest(path: str | os.PathLike) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        CheckpointError: the file is missing or is a folder.
    """
    if Path(path).is_dir():
        raise CheckpointError(_is_folder(path))
    try:
        with open(path, 'rb') as file:
            sha256 = hashlib.sha256()
            while block := file.read(1 << 20):
                sha256.update(block)
            return sha256.hexdigest()
    except OSError as error:
        raise CheckpointError(
            f'checkpoint {str(path)!r} cannot be read: {error.strerror}'
        ) from error


def weights_of(checkpoint: Mapping[str, Any], source: str | os.PathLike) -> dict[str, Tensor]:
    """The state dict of a checkpoint, without the ``module.`` that wrappers add to names.

    Nested tensors, which have no shape, are passed over like all that is no tensor.

    Raises:
        CheckpointError: there are no tensors in it.
    """
    weights = checkpoint
    for key in ('state_dict', 'model'):
        if isinstance(weights.get(key), Mapping):
            weights = weights[key]
    tensors = {
        name.removeprefix('module.'): value
        for name, value in weights.items()
        if isinstance(name, str) and isinstance(value, Tensor) and not value.is_nested
    }
    if not tensors:
        raise CheckpointError(f'checkpoint {str(source)!r} holds no weights')
    return tensors


def _is_folder(path: str | os.PathLike) -> str:
    return f'checkpoint {str(path)!r} is a folder; name a file in it, such as averaged.pth'


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | os.PathLike) -> None:
    """``torch.save`` to a file that appears under its name only when it is complete.

    Raises:
        OutputError: the file cannot be written; its folder must exist.
    """
    content = io.BytesIO()
    torch.save(dict(checkpoint), content)
    with atomic_write(path) as temporary:
        # Not by torch, which has no error of its own for a full disk.
        temporary.write_bytes(content.getbuffer())


def _read_local(filename: str, map_location: Any = None) -> dict[str, Any]:
    return read_checkpoint(filename, map_location)


def _refuse(filename: str, map_location: Any = None) -> dict[str, Any]:
    raise CheckpointError(
        f'checkpoint {filename!r} is not a local file; download it, verify its digest, and give '
        'its path'
    )


def use_safe_loading() -> None:
    """Make mmengine read local checkpoints with :func:`read_checkpoint` and refuse others.

    mmengine 0.10.7 calls ``torch.load`` without ``weights_only``, locally and for every
    remote scheme.
    """
    for prefix in list(CheckpointLoader._schemes):
        if prefix:
            CheckpointLoader.register_scheme(prefix, loader=_refuse, force=True)
    CheckpointLoader.register_scheme('', loader=_read_local, force=True)
