"""Weights and checkpoints from strangers."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from msvitreid.checkpoints import extract_state_dict, read_checkpoint

from .case import Case, content, link

NO_TORCH = "checkpoint 'FILE' is not a PyTorch file"
CUT = "checkpoint 'FILE' is truncated or not a PyTorch file"
NO_WEIGHTS = "checkpoint 'FILE' holds no weights"
FOLDER = "checkpoint 'FILE' is a folder; name a file in it, such as averaged.pth"
PIPE = "checkpoint 'FILE' cannot be read (a pipe, socket or device, not a file)"
SPECIAL = (
    "checkpoint 'FILE' contains a sparse, quantized, nested or other special tensor ('{}'), which "
    'no weights are: convert it with .to_dense() or .dequantize() and save it again'
)
TORCHSCRIPT = (
    "checkpoint 'FILE' is a TorchScript program, not weights; load it where it is trusted and "
    'save its state_dict() with torch.save'
)
COMPRESSED = (
    "checkpoint 'FILE' has compressed records, which torch.save never writes and which may "
    'inflate without bound; ask its author for the file as it was saved'
)


def code(name: str) -> str:
    return (
        f"checkpoint 'FILE' contains pickled code ({name}); it was refused and not run: ask its "
        'author for a file of tensors only'
    )


def read(path: Path) -> object:
    return extract_state_dict(read_checkpoint(path), path)


class Trap:
    """Makes the folder ``snapped`` in the working directory when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ('snapped',)


def saved(thing: object, legacy: bool = False) -> Callable[[], bytes]:
    def write() -> bytes:
        file = io.BytesIO()
        torch.save(thing, file, _use_new_zipfile_serialization=not legacy)
        return file.getvalue()

    return write


def case(write: Callable[[], bytes], sentence: str) -> Case:
    return Case(content('weights.pth', write), read, sentence)


def torchscript() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch would rather have us export
        torch.jit.save(torch.jit.script(torch.nn.ReLU()), file)
    return file.getvalue()


def nested() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch calls them a prototype
        tensor = torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])
    return saved({'weight': tensor})()


def quantized() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # torch calls them deprecated
        tensor = torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8)
    return saved({'weight': tensor})()


def tar() -> bytes:
    """What torch wrote before version 0.1.10."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        for name in ('storages', 'tensors', 'pickle'):
            data = pickle.dumps(Trap()) if name == 'pickle' else b''
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def zipped(
    pickled: bytes, data: bytes = bytes(24), compression: int = zipfile.ZIP_STORED
) -> bytes:
    """The container of ``torch.save`` around a pickle and one storage."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', compression) as archive:
        archive.writestr('x/data.pkl', pickled)
        archive.writestr('x/byteorder', b'little')
        archive.writestr('x/data/0', data)
        archive.writestr('x/version', b'3\n')
    return file.getvalue()


def tensor(
    size: tuple = (2, 3),
    stride: tuple = (3, 1),
    offset: int = 0,
    stored: int = 6,
    key: str = '0',
) -> Callable[[], bytes]:
    """A dict of one tensor, as torch pickles it, with numbers of one's own."""

    def integer(value: int) -> bytes:
        length = value.bit_length() // 8 + 1
        return b'\x8a' + bytes([length]) + value.to_bytes(length, 'little', signed=True)

    def text(value: str) -> bytes:
        return b'X' + struct.pack('<I', len(value)) + value.encode()

    def integers(values: tuple) -> bytes:
        return b'(' + b''.join(map(integer, values)) + b't'

    def write() -> bytes:
        storage = (
            b'(' + text('storage') + b'ctorch\nFloatStorage\n' + text(key) + text('cpu')
            + integer(stored) + b'tQ'
        )  # fmt: skip
        return zipped(
            b'\x80\x02}' + text('weight') + b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage
            + integer(offset) + integers(size) + integers(stride)
            + b'\x89ccollections\nOrderedDict\n)RtRs.'
        )  # fmt: skip

    return write


def legacy_of_400_gb() -> bytes:
    file = saved({'weight': torch.zeros(6)}, legacy=True)()
    count = file.index(b'K\x06', file.index(b'cpu'))
    return file[:count] + b'\x8a\x06' + (10**11).to_bytes(6, 'little') + file[count + 2 :]


def lying_zip() -> bytes:
    """The central directory says 4 GB of a storage of 24 bytes."""
    file = bytearray(tensor(size=(10**9,), stride=(1,), stored=4 * 10**9)())
    entry = file.rindex(b'x/data/0') - 46
    struct.pack_into('<I', file, entry + 24, 4 * 10**9)
    return bytes(file)


def inflating() -> bytes:
    """1.2 GB of zeros in 1.2 MB, in a record that torch reads before any tensor."""
    file = io.BytesIO(zipped(PICKLED))
    with (
        zipfile.ZipFile(file, 'a', zipfile.ZIP_DEFLATED) as archive,
        archive.open('x/.format_version', 'w') as record,
    ):
        for _ in range(1200):
            record.write(bytes(2**20))
    return file.getvalue()


def split(file: bytes) -> tuple[bytes, bytes, bytes]:
    """An archive's records, its central directory, and its end record."""
    end = file.rindex(b'PK\5\6')
    size, start = struct.unpack_from('<II', file, end + 12)
    return file[:start], file[start : start + size], file[end:]


def two_directories() -> bytes:
    """Torch's reader finds the first, which is compressed, and Python's the second."""
    records, directory, end = split(zipped(PICKLED, bytes(10**6), zipfile.ZIP_DEFLATED))
    harmless = split(zipped(PICKLED))[1]
    return records + directory + harmless.ljust(len(directory), b'\0') + end


def overlapping() -> bytes:
    """One record of 1 MB, 72 times in the directory."""
    records, directory, end = split(zipped(PICKLED, bytes(10**6)))
    name = directory.index(b'x/data/0')
    entry = directory[name - 46 : name + len(b'x/data/0')]
    directory += b''.join(entry[:-1] + b'%c' % number for number in range(49, 120))
    end = struct.pack('<4s4xHHII2x', b'PK\5\6', 75, 75, len(directory), len(records))
    return records + directory + end


def flipped() -> bytes:
    file = bytearray(saved(WEIGHTS)())
    file[file.index(bytes(3000)) + 1000] ^= 1
    return bytes(file)


def tuples() -> bytes:
    """A tuple that expands to 2**60 values."""
    return b')q\0' + b'h\0\x86q\0' * 60


def tuples_as_key() -> bytes:
    return b'\x80\x02}' + tuples() + b'K\1s.'


def lists_of_lists() -> bytes:
    filled = b''.join(b'ah%ca' % level for level in range(59, 0, -1))
    return b''.join(b']q%c' % level for level in range(60)) + filled


def legacy(pickled: bytes) -> bytes:
    """The format of torch 1.5 around a pickle."""
    empty = saved({}, legacy=True)()
    return empty[: empty.index(pickle.dumps({}, 2))] + pickled


def two_pickles() -> bytes:
    file = io.BytesIO(zipped(PICKLED))
    with zipfile.ZipFile(file, 'a') as archive:
        archive.writestr('x/DATA.PKL', b'\x80\x02]q\0h\0a.')
    return file.getvalue()


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / 'weights.pth')
    return folder / 'weights.pth'


KEY = "checkpoint 'FILE' has a dict whose keys are not texts or numbers"
MKDIR = code(f'{os.mkdir.__module__}.mkdir')
WEIGHTS = {'weight': torch.zeros(3000)}
PICKLED = b'\x80\x02}.'

CHECKPOINTS = {
    'code in the metadata': case(saved({'state_dict': WEIGHTS, 'meta': Trap()}), MKDIR),
    'code, in the format of torch 1.5': case(saved({'x': Trap()}, legacy=True), MKDIR),
    'code in a plain pickle': case(lambda: pickle.dumps(Trap(), 2), MKDIR),
    'code deep in lists': case(saved({'x': [[[{'y': (Trap(),)}]]]}), MKDIR),
    'a whole module': case(
        saved(torch.nn.Linear(2, 2)), code('torch.nn.modules.linear.Linear')
    ),
    'NumPy arrays': case(saved({'weight': np.zeros(3)}), code('...')),
    'TorchScript archive': case(torchscript, TORCHSCRIPT),
    'tar archive of torch 0.1': case(tar, CUT),
    'ZIP archive of something else': case(lambda: zipped(b'', b'')[:-40], CUT),
    'cut short': case(lambda: saved(WEIGHTS)()[:-200], CUT),
    'cut short, in the format of torch 1.5': case(lambda: saved(WEIGHTS, True)()[:-200], CUT),
    'pointer of Git LFS': case(
        lambda: b'version https://git-lfs.github.com/spec/v1\n', NO_TORCH
    ),
    'empty file': case(bytes, CUT),
    'named pipe': Case(pipe, read, PIPE),
    'folder': Case(lambda folder: folder, read, FOLDER),
    'storage that claims 4 TB': case(tensor((10**12,), (1,), stored=4 * 10**12), CUT),
    'storage that claims 400 GB, in the format of torch 1.5': case(legacy_of_400_gb, CUT),
    'archive that claims 4 GB': case(lying_zip, CUT),
    'record that inflates to 1.2 GB': case(inflating, COMPRESSED),
    'all records compressed': case(
        lambda: zipped(PICKLED, compression=zipfile.ZIP_DEFLATED), COMPRESSED
    ),
    'archive with two directories': case(two_directories, CUT),
    'archive whose records overlap': case(overlapping, CUT),
    'tensor larger than its storage': case(tensor((10**6,), (1,)), CUT),
    'tensor that strides out of its storage': case(tensor(stride=(10**9, 1)), CUT),
    'tensor with a negative stride': case(tensor(stride=(-3, 1)), CUT),
    'tensor with a negative offset': case(tensor(offset=-5), CUT),
    'tensor of 2**124 elements': case(tensor((2**62, 2**62), (1, 1)), CUT),
    'storage called ../../etc/passwd': case(tensor(key='../../etc/passwd'), CUT),
    'a hundred thousand lists in one another': case(
        lambda: zipped(b'\x80\x02}X\1\0\0\0w' + b']' * 10**5 + b'a' * (10**5 - 1) + b's.'),
        "checkpoint 'FILE' has containers nested more than 100 deep",
    ),
    'weights that are texts': case(saved({'state_dict': {'weight': 'import os'}}), NO_WEIGHTS),
    'weights that are nested tensors': case(nested, SPECIAL.format('_rebuild_nested_tensor')),
    'weights that are sparse tensors': case(
        saved({'weight': torch.eye(3).to_sparse()}), SPECIAL.format('_rebuild_sparse_tensor')
    ),
    'weights that are quantized tensors': case(
        quantized,
        SPECIAL.format('_rebuild_qtensor'),
    ),
    'weights that are in themselves': case(
        lambda: zipped(b'\x80\x02}q\0X\5\0\0\0modelh\0s.'),
        "checkpoint 'FILE' has a container that contains itself",
    ),
    'one bit of a weight flipped': case(
        flipped,
        "checkpoint 'FILE' is damaged: the check sum of its record 'archive/data/0' is wrong; copy "
        'or download it again, or use another checkpoint of the run',
    ),
    'tuples of tuples as a key': case(lambda: zipped(tuples_as_key()), KEY),
    'tuples of tuples as a key, in the format of torch 1.5': case(
        lambda: legacy(tuples_as_key()), KEY
    ),
    'lists of lists, each twice in the next': case(
        lambda: zipped(b'\x80\x02}X\1\0\0\0w' + lists_of_lists() + b's.'),
        "checkpoint 'FILE' has a container of more than 2,000,000 values",
    ),
    'a set of tuples of tuples': case(
        lambda: zipped(b'\x80\x02}X\1\0\0\0wc__builtin__\nset\n' + tuples() + b'\x85Rs.'),
        "checkpoint 'FILE' has a container of more than 2,000,000 values",
    ),
    'a set of 1,000 numbers, 10,000 times': case(
        lambda: zipped(
            b'\x80\x02c__builtin__\nset\nq\0(]('
            + b'K\1' * 1000
            + b'etq\1R'
            + b'h\0h\1R' * 10_000
            + b'}.'
        ),
        "checkpoint 'FILE' hands more than 2,000,000 values to functions while it is read",
    ),
    '40 MB of references': case(
        lambda: zipped(b'\x80\x02](K\1q\0' + b'h\0' * (20 * 2**20) + b'e.'),
        "checkpoint 'FILE' takes more than 2,000,000 steps to read",
    ),
    'numbers of one hash': case(
        lambda: zipped(b'\x80\x02}\x8a\xff' + bytes(254) + b'\1Ns.'),
        "checkpoint 'FILE' contains an integer of more than 64 bits",
    ),
    'text in Punycode': case(
        lambda: zipped(
            b'\x80\x02}X\1\0\0\0wc_codecs\nencode\nX\1\0\0\0aX\x08\0\0\0punycode\x86Rs.'
        ),
        "checkpoint 'FILE' contains bytes in an encoding other than latin1",
    ),
    'archive with two pickles': case(two_pickles, CUT),
    'link to a device': Case(link('weights.pth', '/dev/zero'), read, PIPE),
    'link to the messages of the kernel': Case(link('weights.pth', '/proc/kmsg'), read, CUT),
    'weights with and without module.': case(
        saved({'a.b': torch.zeros(2), 'module.a.b': torch.ones(2)}),
        "checkpoint 'FILE' holds both 'a.b' and 'module.a.b'; remove one of them",
    ),
    'a list': case(
        saved([torch.zeros(3)]), "checkpoint 'FILE' holds a list, not a dict of tensors"
    ),
}
