"""The safetensors format: tensors behind a JSON header, checked before anything is made of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from math import prod
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from msvitreid.errors import CheckpointError
from msvitreid.utils.files import atomic_write
from msvitreid.utils.printable import printable

from .kinds import MalformedError, anything, fields, integer, mapping, sequence, text
from .reading import size_of_checkpoint, unreadable

#: Bytes of a file, and of its header; a net of ours has 16 to 100 MB and 60 kB.
MAX_BYTES = 2**32
MAX_HEADER = 2**23
MAX_TENSORS = 20_000
MAX_DIMENSIONS = 8

#: Bytes of one number, by the format's names of types.
ITEM_BYTES = {
    'BOOL': 1, 'U8': 1, 'I8': 1, 'I16': 2, 'I32': 4, 'I64': 8,
    'F16': 2, 'BF16': 2, 'F32': 4, 'F64': 8,
}  # fmt: skip

#: The 8 bytes before the header hold its length.
PREFIX = 8


def read_safetensors(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by name, on the CPU, and the texts of the header's ``__metadata__``.

    Raises:
        CheckpointError: the file is missing, no regular file or larger than 4 GiB, or its header
            is not one of the format: too long, not UTF-8, with a key twice, or with tensors that
            overlap, leave gaps or lie outside of the file.
    """
    content = _content(path)
    if content.startswith(b'PK\3\4'):
        raise CheckpointError(
            f'{str(path)!r} is no model file but an archive, as checkpoints of torch are; '
            'msvitreid convert --config CONFIG makes a model file of one'
        )
    try:
        metadata = _checked_header(content)
        return safetensors.torch.load(content), metadata
    except MalformedError as error:
        reason = str(error)
    except RecursionError:
        reason = 'its header is nested too deeply'
    except (ValueError, SafetensorError) as error:
        reason = ' '.join(str(error).split())[:200]
    raise CheckpointError(
        f'model file {str(path)!r} is damaged or no safetensors file ({reason}); copy it again '
        'or use another one'
    )


def write_safetensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> None:
    """Write a file that appears under its name only when it is complete.

    Raises:
        OutputError: the file cannot be written; its folder must exist.
    """
    # The format takes no tensors that share memory.
    separate = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in separate.items()}, dict(metadata)
    )
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def parse_json(content: str, what: str) -> Any:
    """JSON in which no key of an object comes twice and all numbers are finite.

    Raises:
        ValueError: it is none; ``what`` names it in the sentence.
        RecursionError: it is nested too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise ValueError(f'{what} has the key {printable(name, 80)!r} twice')
            found[name] = value
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f'{what} has a number {constant}')

    try:
        return json.loads(content, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f'{what} is no JSON: {error}') from error


def _content(path: str | os.PathLike[str]) -> bytes:
    size = size_of_checkpoint(path)
    if size > MAX_BYTES:
        raise CheckpointError(
            f'model file {str(path)!r} has {size:,} bytes, more than {MAX_BYTES:,}'
        )
    try:
        with open(path, 'rb') as file:
            return file.read(size)
    except OSError as error:
        raise unreadable(path, error) from error


def _checked_header(content: bytes) -> dict[str, str]:
    """Check the header's numbers against the file; its metadata."""
    length = int.from_bytes(content[:PREFIX], 'little')
    if len(content) < PREFIX or length > len(content) - PREFIX:
        raise ValueError('the file is shorter than its header says')
    if length > MAX_HEADER:
        raise ValueError(f'its header has {length:,} bytes, more than {MAX_HEADER:,}')
    try:
        encoded = content[PREFIX : PREFIX + length].decode('utf-8')
    except UnicodeDecodeError as error:
        raise ValueError('its header is not UTF-8') from error
    header = parse_json(encoded, 'its header')
    mapping(anything)(header, 'the header')
    metadata = header.pop('__metadata__', {})
    mapping(text)(metadata, '__metadata__')
    if len(header) > MAX_TENSORS:
        raise ValueError(f'it holds {len(header):,} tensors, more than {MAX_TENSORS:,}')
    _check_places(header, len(content) - PREFIX - length)
    return metadata


def _check_places(tensors: Mapping[str, Any], size: int) -> None:
    """Check that the tensors fill the bytes behind the header, one after the other."""
    check = fields(
        {'dtype': text, 'shape': sequence(integer()), 'data_offsets': sequence(integer(), 2)}
    )
    places = []
    for name, entry in tensors.items():
        check(entry, name)
        if entry['dtype'] not in ITEM_BYTES:
            raise MalformedError(f'{name}.dtype', entry['dtype'], f'of {[*ITEM_BYTES]}')
        if len(entry['shape']) > MAX_DIMENSIONS:
            raise MalformedError(
                f'length of {name}.shape', len(entry['shape']), f'at most {MAX_DIMENSIONS}'
            )
        start, end = entry['data_offsets']
        if end - start != prod(entry['shape']) * ITEM_BYTES[entry['dtype']]:
            raise ValueError(
                f'{printable(name)} has another number of bytes than its shape and type say'
            )
        places.append((start, end, name))
    at = 0
    for start, end, name in sorted(places):
        if start != at:
            kind = 'overlaps another tensor' if start < at else 'leaves a gap before it'
            raise ValueError(f'{printable(name)} {kind}')
        at = end
    if at != size:
        raise ValueError(f'its tensors take {at:,} bytes and the file has {size:,} for them')
