"""The class: pickles that run no code, but whose unpickling does not end.

Most of what is refused is in ``tests/hostile/checkpoints.py``.
"""

import io
import pickle
from collections import Counter, OrderedDict

import pytest
import torch

from msvitreid.checkpoints import pickle_scan, read_checkpoint
from msvitreid.checkpoints.pickle_scan import PickleError, UnknownPickleError, scan_pickle

ORDINARY = {
    'meta': {'epoch': 3, 'share': 0.5, 'text': 'x' * 1000, 'none': None, 'flag': True},
    'shape': torch.Size([2, 3]),
    'dtype': torch.float16,
    'milestones': Counter({3: 1, 2**64 - 1: 2}),
    'negative': -(2**63),
    'state': OrderedDict(a=torch.zeros(2), b=torch.nn.Parameter(torch.ones(1))),
    'integers': torch.arange(3),
    'small': torch.zeros(2, dtype=torch.bfloat16),
    'mixed': [(1, (2.5, 'x')), {'y': []}],
}


if torch.torch_version.TorchVersion(torch.__version__) >= '2.5':
    # Before, torch's safe reading knew neither.
    ORDINARY |= {'bytes': b'abc', 'set': set()}


@pytest.mark.parametrize('legacy', [False, True])
def test_ordinary_content_is_read(legacy, tmp_path):
    torch.save(ORDINARY, tmp_path / 'a.pth', _use_new_zipfile_serialization=not legacy)
    read = read_checkpoint(tmp_path / 'a.pth')
    assert read.keys() == ORDINARY.keys()
    assert read['milestones'] == ORDINARY['milestones']
    assert read['state']['b'] == 1


def test_a_state_dict_with_its_metadata_is_read(tmp_path):
    net = torch.nn.Sequential(*[torch.nn.BatchNorm1d(2) for _ in range(300)])
    torch.save(net.state_dict(), tmp_path / 'a.pth')
    assert len(read_checkpoint(tmp_path / 'a.pth')) == 1500


def test_the_file_is_left_behind_the_pickle():
    file = io.BytesIO(pickle.dumps([1, 'a'], 2) + b'rest')
    scan_pickle(file)
    assert file.read() == b'rest'


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\x80\x02',
        b'.',
        b's.',
        b'K',
        b'h\0.',
        b'X\xff\xff\0\0a.',
        b'N0N.',  # POP, which torch does not know
        pickle.dumps({}, 4),
        b'cnot ended',
        b'c\xff\xff\nx\n.',
    ],
)
def test_what_torch_could_not_read_either(data):
    with pytest.raises(UnknownPickleError, match='not a PyTorch file'):
        scan_pickle(io.BytesIO(data))


def test_numbers_that_bound_the_time(monkeypatch):
    nested = b'\x80\x02' + b']' * 101 + b'a' * 100 + b'.'
    with pytest.raises(PickleError, match='nested more than 100 deep'):
        scan_pickle(io.BytesIO(nested))
    scan_pickle(io.BytesIO(nested.replace(b']', b'', 1).replace(b'a', b'', 1)))
    monkeypatch.setattr(pickle_scan, 'MAX_OPCODES', 4)
    scan_pickle(io.BytesIO(b'](K\1.'))
    with pytest.raises(PickleError, match='more than 4 steps'):
        scan_pickle(io.BytesIO(b'](K\1e.'))
    monkeypatch.setattr(pickle_scan, 'MAX_PICKLE_BYTES', 100)
    with pytest.raises(PickleError, match='more than 100 bytes'):
        scan_pickle(io.BytesIO(b'X\xff\xff\xff\xff'))
    with pytest.raises(PickleError, match='more than 100 bytes'):
        scan_pickle(io.BytesIO(b'c' + b'a' * 90 + b'\n' + b'b' * 90 + b'\nN.'))
