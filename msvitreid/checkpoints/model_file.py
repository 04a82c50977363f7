"""A model file: a net's weights and, in the header, all it takes to compute embeddings.

The file is safetensors. Its ``__metadata__`` has the description as JSON under ``msvitreid``:

=================  ================================================================================
``format``         version of this layout, 1
``architecture``   options of the model for inference, in which types are registered names
``pipeline``       transforms of the decoded image, up to the uint8 image that the net gets
``preprocessing``  ``image_size`` ``[H, W]`` or null, ``color``, ``value_range`` of 16-bit files,
                   ``mean``, ``std`` and ``range`` of the net's input
``flip``           whether the features of the mirrored image are added
``dimension``      numbers of an embedding
``training_data``  list of ``name``, ``images``, ``identities``, ``cameras``
``license``        a note
``trained``        ``epochs`` and, of a run that counts those, ``iterations``; may be absent
``versions``       of the packages that wrote the file
``fingerprint``    SHA-256 of all that changes an embedding
=================  ================================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from msvitreid.errors import CheckpointError
from msvitreid.utils.printable import printable
from msvitreid.utils.versions import versions

from .kinds import (
    MalformedError,
    boolean,
    fields,
    hexadecimal,
    integer,
    mapping,
    number,
    one_of,
    optional,
    sequence,
    text,
)
from .safetensors_file import parse_json, read_safetensors, write_safetensors

SUFFIX = '.safetensors'
FORMAT = 1
KEY = 'msvitreid'

#: What of the description changes an embedding.
OF_EMBEDDING = ('architecture', 'pipeline', 'preprocessing', 'flip', 'dimension')

MAX_DESCRIPTION = 2**20
MAX_DEPTH = 16
MAX_VALUES = 10_000
MAX_NUMBER = 2**16
#: Pixels of a side; a pipeline may ask for no larger images.
MAX_SIDE = 2**13

#: Pixels are divided by it.
SMALLEST_STD = 1e-6

#: A registered component's name; with anything else before a dot it would be imported.
TYPE_NAME = re.compile(r'(?:(?:msvitreid|mmpretrain)\.)?[A-Za-z_]\w{0,99}', re.ASCII)
OPTION_NAME = re.compile(r'[A-Za-z]\w{0,99}', re.ASCII)
#: Texts of options choose a variant; what could be a path, an address or code has other signs.
OPTION_TEXT = re.compile(r'[\w .,+-]{0,200}', re.ASCII)
#: Options by which components of other packages read files or download them.
FILE_OPTION = re.compile(
    r'init_cfg|(?:pretrain|checkpoint|load_from|trust|backend_args|file|url).*|.*_(?:file|url|dir)'
)


@dataclass(frozen=True)
class ModelFile:
    """A model file's content, checked.

    Attributes:
        description: see :mod:`msvitreid.checkpoints.model_file`.
        tensors: the weights by name.
    """

    description: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of weights and of all else that changes an embedding, 64 digits."""
        return self.description['fingerprint']


def fingerprint(weights: Mapping[str, Tensor], description: Mapping[str, Any]) -> str:
    """SHA-256 of a net's weights and of what else changes an embedding, 64 digits.

    Names of data, notes and versions are no part of it.
    """
    sha256 = hashlib.sha256()
    for name in sorted(weights):
        weight = weights[name].detach().cpu().contiguous()
        head = [name, str(weight.dtype).removeprefix('torch.'), list(weight.shape)]
        sha256.update(_canonical(head))
        if weight.numel():
            sha256.update(weight.reshape(-1).view(torch.uint8).numpy().data)
    sha256.update(_canonical({key: description[key] for key in OF_EMBEDDING}))
    return sha256.hexdigest()


def write_model_file(
    path: str | os.PathLike[str], model: nn.Module, description: Mapping[str, Any]
) -> str:
    """Write a model file, which appears under its name only when it is complete.

    Args:
        path: of the file; its folder must exist.
        model: the net for inference, whose weights are written.
        description: without ``format``, ``versions`` and ``fingerprint``, which are added.

    Returns:
        The fingerprint.

    Raises:
        CheckpointError: the description is not one that :func:`read_model_file` takes, or a weight
            is NaN.
        OutputError: the file cannot be written.
    """
    weights = model.state_dict()
    stated = {'format': FORMAT, 'versions': versions(), **description, 'fingerprint': '0' * 64}
    try:
        check_description(stated)
        _require_numbers(weights)
        stated['fingerprint'] = fingerprint(weights, stated)
        encoded = json.dumps(stated, allow_nan=False)
        _require_short(encoded)
    except (MalformedError, ValueError) as error:
        raise CheckpointError(f'model file {str(path)!r} cannot be written: {error}') from error
    write_safetensors(path, weights, {'format': 'pt', KEY: encoded})
    return stated['fingerprint']


def read_model_file(path: str | os.PathLike[str]) -> ModelFile:
    """Read and check a model file; nothing is imported, built or executed.

    Raises:
        CheckpointError: the file is unusable (see
            :func:`~msvitreid.checkpoints.safetensors_file.read_safetensors`), its description is
            missing or malformed, a weight is NaN, or weights and description are not those that
            the fingerprint was taken of.
    """
    tensors, metadata = read_safetensors(path)
    if KEY not in metadata:
        raise CheckpointError(
            f'{str(path)!r} holds weights without a description; convert a checkpoint and its '
            'config by model_file_from_run'
        )
    try:
        _require_short(metadata[KEY])
        description = parse_json(metadata[KEY], 'the description')
        check_description(description)
        _require_numbers(tensors)
        found = fingerprint(tensors, description)
    except RecursionError as error:
        raise _refused(path, 'the description is nested too deeply') from error
    except (MalformedError, ValueError) as error:
        raise _refused(path, str(error)) from error
    if found != description['fingerprint']:
        raise _refused(
            path, 'weights or description were changed after the fingerprint was taken'
        )
    return ModelFile(description, tensors)


def is_model_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path is called as model files are."""
    return str(path).lower().endswith(SUFFIX)


def check_description(description: Any) -> None:
    """Check a description, its fingerprint apart.

    Raises:
        MalformedError: a key is missing, or a value is not of its kind or could name a file or
            an import.
    """
    fields({'format': integer(FORMAT, FORMAT)})(description, 'description')
    fields(
        {
            'architecture': mapping(_plain),
            'pipeline': sequence(mapping(_plain)),
            'preprocessing': fields(
                {
                    'image_size': optional(sequence(integer(1, MAX_SIDE), 2)),
                    'color': one_of('rgb'),
                    'value_range': optional(_rising),
                    'mean': sequence(number(0, 1), 3),
                    'std': sequence(number(SMALLEST_STD, 1), 3),
                    'range': sequence(number(0, 1), 2),
                }
            ),
            'flip': boolean,
            'dimension': integer(1, MAX_NUMBER),
            'training_data': sequence(
                fields(
                    {'name': text},
                    {'images': integer(), 'identities': integer(), 'cameras': integer()},
                )
            ),
            'license': text,
            'versions': mapping(text),
            'fingerprint': hexadecimal,
        },
        {'trained': fields({}, {'epochs': integer(), 'iterations': integer()})},
    )(description, 'description')
    for part, limit in (('architecture', MAX_NUMBER), ('pipeline', MAX_SIDE)):
        values = list(_walk(description[part], part))
        if len(values) > MAX_VALUES:
            raise MalformedError(part, len(values), f'of at most {MAX_VALUES:,} values')
        for path, key, value in values:
            _check_option(path, key, value, limit)


def _plain(value: Any, path: str) -> None:
    if not isinstance(value, str | int | float | list | dict | None):
        raise MalformedError(path, value, 'a text, a number, a list or a dict of such')


def _rising(value: Any, path: str) -> None:
    """Two values of 16-bit files."""
    sequence(integer(0, 2**16 - 1), 2)(value, path)
    if value[0] >= value[1]:
        raise MalformedError(path, f'{value[0]} to {value[1]}', 'rising')


def _walk(
    node: Any, path: str, key: str | None = None, depth: int = 0
) -> Iterator[tuple[str, str | None, Any]]:
    """Every value with its key path and key; dicts and lists before what is in them."""
    if depth > MAX_DEPTH:
        raise MalformedError(path, node, f'nested at most {MAX_DEPTH} deep')
    yield path, key, node
    if isinstance(node, dict):
        for name, value in node.items():
            if not isinstance(name, str) or not OPTION_NAME.fullmatch(name):
                raise MalformedError(f'a key of {path}', name, 'the name of an option')
            yield from _walk(value, f'{path}.{name}', name, depth + 1)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f'{path}.{index}', key, depth + 1)


def _check_option(path: str, key: str | None, value: Any, limit: int) -> None:
    _plain(value, path)
    if key is None:
        return
    if FILE_OPTION.fullmatch(key):
        raise MalformedError(path, value, 'left out, as a model file names no other files')
    if key == 'type':
        if not isinstance(value, str) or not TYPE_NAME.fullmatch(value):
            raise MalformedError(
                path,
                value,
                "the name of a registered component, such as 'MSViT', not its import",
            )
    elif isinstance(value, str):
        if not OPTION_TEXT.fullmatch(value) or 'path' in key:
            raise MalformedError(path, value, 'a name, not a path or an address')
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number(-limit, limit)(value, path)


def _require_short(encoded: str) -> None:
    if len(encoded) > MAX_DESCRIPTION:
        raise ValueError(f'the description has more than {MAX_DESCRIPTION:,} characters')


def _require_numbers(weights: Mapping[str, Tensor]) -> None:
    for name, weight in weights.items():
        if weight.is_floating_point() and bool(weight.isnan().any()):
            raise ValueError(f'weight {printable(name)!r} has numbers that are NaN')


def _canonical(value: Any) -> bytes:
    """The same bytes for the same value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(',', ':'), allow_nan=False).encode()


def _refused(path: str | os.PathLike[str], reason: str) -> CheckpointError:
    return CheckpointError(
        f'model file {str(path)!r} cannot be used: {reason}; copy it again or use another one'
    )
