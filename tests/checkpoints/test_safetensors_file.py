"""Class of faults: a header that makes the reader allocate, overlap, loop or stumble."""

import json
import os
import time

import pytest
import torch

from msvitreid.checkpoints import safetensors_file
from msvitreid.checkpoints.safetensors_file import read_safetensors, write_safetensors
from msvitreid.errors import CheckpointError, OutputError

ENTRY = {'dtype': 'F32', 'shape': [2], 'data_offsets': [0, 8]}


def framed(header: bytes, data: bytes = bytes(8)) -> bytes:
    return len(header).to_bytes(8, 'little') + header + data


def of(tensors, data: bytes = bytes(8)) -> bytes:
    return framed(json.dumps(tensors).encode(), data)


HOSTILE = {
    'empty': (b'', 'shorter'),
    'no header': (b'\0\0\0', 'shorter'),
    'header longer than the file': ((2**62).to_bytes(8, 'little') + b'{}', 'shorter'),
    'no UTF-8': (framed(b'{"\xff": 1}'), 'UTF-8'),
    'no JSON': (framed(b'{'), 'JSON'),
    'a list': (of([ENTRY]), 'a dict'),
    'nested deeply': (framed(b'[' * 100_000), 'nested'),
    'a key twice': (framed(b'{"a": 1, "a": 2}'), "'a' twice"),
    'NaN': (framed(b'{"a": NaN}'), 'NaN'),
    'an entry that is none': (of({'a': 3}), 'a dict'),
    'no offsets': (of({'a': {'dtype': 'F32', 'shape': [2]}}), 'data_offsets'),
    'unknown type': (of({'a': {**ENTRY, 'dtype': 'C64'}}), 'C64'),
    'negative side': (of({'a': {**ENTRY, 'shape': [-2]}}), r'a\.shape'),
    'huge side': (of({'a': {**ENTRY, 'shape': [2**52, 2**52]}}), 'bytes'),
    'too many sides': (of({'a': {**ENTRY, 'shape': [1] * 9}}), 'at most 8'),
    'a shape of another size': (of({'a': {**ENTRY, 'shape': [3]}}), 'bytes'),
    'overlap': (of({'a': ENTRY, 'b': ENTRY}), 'overlaps'),
    'gap': (of({'a': {**ENTRY, 'data_offsets': [4, 12]}}, bytes(12)), 'gap'),
    'outside of the file': (of({'a': ENTRY}, bytes(4)), '8 bytes and the file has 4'),
    'bytes behind': (of({'a': ENTRY}, bytes(9)), '9'),
    'metadata of numbers': (of({'a': ENTRY, '__metadata__': {'a': 1}}), '__metadata__'),
    'a pickle': (b'PK\3\4' + bytes(100), 'convert --config'),
}


def test_a_key_twice_among_many_is_found_at_once(tmp_path):
    """Class of faults: time that grows with the square of a file's size; 400,000 keys, hours."""
    keys = ','.join(f'"{number}":1' for number in range(400_000))
    path = tmp_path / 'a.safetensors'
    path.write_bytes(framed(f'{{{keys},"399999":1}}'.encode()))
    start = time.process_time()
    with pytest.raises(CheckpointError, match="'399999' twice"):
        read_safetensors(path)
    assert time.process_time() - start < 10


@pytest.mark.parametrize('case', HOSTILE)
def test_hostile_files(case, tmp_path):
    content, match = HOSTILE[case]
    path = tmp_path / 'a.safetensors'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=match) as error:
        read_safetensors(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


def test_a_long_header_and_many_tensors(tmp_path, monkeypatch):
    path = tmp_path / 'a.safetensors'
    path.write_bytes(framed(b' ' * (2**23 + 1)))
    with pytest.raises(CheckpointError, match='8,388,609'):
        read_safetensors(path)
    monkeypatch.setattr(safetensors_file, 'MAX_TENSORS', 1)
    path.write_bytes(of({'a': ENTRY, 'b': ENTRY}))
    with pytest.raises(CheckpointError, match='2 tensors'):
        read_safetensors(path)
    monkeypatch.setattr(safetensors_file, 'MAX_BYTES', 10)
    with pytest.raises(CheckpointError, match='more than 10'):
        read_safetensors(path)


@pytest.mark.parametrize('kind', ['missing', 'folder', 'pipe'])
def test_what_is_no_file(kind, tmp_path):
    path = tmp_path / 'a.safetensors'
    if kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    with pytest.raises(CheckpointError, match=r'a\.safetensors'):
        read_safetensors(path)


def test_written_tensors_are_read(tmp_path):
    shared = torch.arange(6.0).view(2, 3)
    tensors = {
        'a': shared,
        'transposed': shared.T,
        'none': torch.zeros(0, 3),
        'count': torch.tensor(7),
        'half': torch.ones(2, dtype=torch.bfloat16),
        'mask': torch.tensor([True, False]),
    }
    path = tmp_path / 'a.safetensors'
    write_safetensors(path, tensors, {'key': 'ä'})
    found, metadata = read_safetensors(path)
    assert metadata == {'key': 'ä'}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
    with pytest.raises(OutputError):
        write_safetensors(tmp_path / 'gone' / 'a.safetensors', tensors, {})
    assert os.listdir(tmp_path) == ['a.safetensors']
