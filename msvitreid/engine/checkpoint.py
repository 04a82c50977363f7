"""Reading and filling weights without ever running what a file contains."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from msvitreid.errors import CheckpointError
from msvitreid.utils.files import atomic_write

from .checkpoint_archive import require_plain_archive
from .class_weights import weights_of_classes
from .load_except import keys_below
from .load_report import LoadReport, Reshaped


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


def fill_model(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    source: str | os.PathLike,
    leave_out: Iterable[str] = (),
) -> LoadReport:
    """Load ``weights`` into ``model``, which they must fill completely and exactly.

    Args:
        model: the net; what is left out of it keeps its values.
        weights: a state dict.
        source: the file they are from, for messages.
        leave_out: modules and weights that are neither filled nor looked for in the file;
            ``'head.classifiers'`` is all of ``head.classifiers.*``.

    Returns:
        what was loaded and what was left out.

    Raises:
        CheckpointError: keys are missing, unexpected or of another shape; it names the first
            few, and the log has all.
        ConfigError: a name of ``leave_out`` is in neither.
    """
    expected = model.state_dict()
    left_out = keys_below(leave_out, [*expected, *weights])
    offered = {name: value for name, value in weights.items() if name not in left_out}
    reshaped = [
        Reshaped(name, tuple(value.shape), tuple(expected[name].shape))
        for name, value in offered.items()
        if name in expected and value.shape != expected[name].shape
    ]
    misshapen = {name for name, *_ in reshaped}
    fitting = {name: value for name, value in offered.items() if name not in misshapen}
    try:
        missing, unexpected = model.load_state_dict(fitting, strict=False)
    except RuntimeError as error:
        raise CheckpointError(
            f'checkpoint {str(source)!r} holds weights of a kind that the model cannot take: '
            f'{" ".join(str(error).split())}'
        ) from error
    # Loading runs the modules' own hooks, which may leave keys out.
    left_out.update(fitting.keys() - expected.keys() - set(unexpected))
    report = LoadReport(
        source=str(source),
        loaded=sorted(fitting.keys() & expected.keys()),
        missing=sorted(set(missing) - misshapen - left_out),
        unexpected=sorted(unexpected),
        reshaped=sorted(reshaped),
        left_out=sorted(left_out),
    )
    if report.misfits:
        print_log(report.full_text(), logger='current', level=logging.WARNING)
        raise CheckpointError(
            f'checkpoint {str(source)!r} does not fit the model of the config: '
            f'{report.problems()}{_hint(report, weights, model)}'
        )
    return report


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


def _hint(report: LoadReport, weights: Mapping[str, Tensor], model: nn.Module) -> str:
    """What to do about the commonest misfits."""
    if {'stem.conv.weight', 'first_conv.conv.weight'} & set(weights):
        return (
            "; it has the authors' names: convert it with "
            'tools/model_converters/official_weights.py'
        )
    of_classes = weights_of_classes(model)
    if of_classes and all(key.startswith(of_classes) for key in report.misfits):
        parts = sorted({'.'.join(key.split('.')[:2]) for key in report.misfits})
        return (
            '; these are the classifiers of other identities: to fine-tune on yours, start a '
            f'new run with load_from and load_except={parts}'
        )
    return ''


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
