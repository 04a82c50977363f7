"""Lists of images, and the one that is a MATLAB file."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import savemat

from msvitreid.datasets import CUB200, MSMT17, SOP, Cars196, InShop, VehicleID
from msvitreid.datasets.base import ReIDDataset
from msvitreid.datasets.readers.csv_list import read_csv

from .case import Case, content, link

CORRECT = 'correct or remove the line'
OUTSIDE = "path {} is not that of a file below '...'"
NOT_CARS = (
    "FILE: not the annotations of Cars-196, a MATLAB file with a struct array 'annotations' of "
    'relative_im_path and class ({}); download it again'
)


def read_own(path: Path) -> object:
    return read_csv(path, path.parent, 'train')


def csv_case(text: str | bytes, sentence: str) -> Case:
    data = text if isinstance(text, bytes) else text.encode()
    return Case(content('list.csv', lambda: data), read_own, sentence)


def csv_line(text: str, what: str, line: int = 2) -> Case:
    return csv_case(f'path,pid\n{text}', f'FILE, line {line}: {what}; {CORRECT}')


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / 'list.csv')
    return folder / 'list.csv'


# --- lists of published datasets --------------------------------------------------------------

# Dataset, the split and the list that holds it, and what there is beside.
RELEASED: dict[str, tuple[type[ReIDDataset], str, str, dict[str, str]]] = {
    'MSMT17': (MSMT17, 'query', 'list_query.txt', {'test/': ''}),
    'VehicleID': (VehicleID, 'query', 'train_test_split/test_list_800.txt', {}),
    'SOP': (SOP, 'query', 'Ebay_test.txt', {}),
    'In-shop': (InShop, 'query', 'list_eval_partition.txt', {}),
    'CUB': (CUB200, 'query', 'images.txt', {'image_class_labels.txt': '1 101\n'}),
    'Cars': (Cars196, 'query', 'cars_annos.mat', {}),
}
HEADERS = {'SOP': 'image_id class_id super_class_id path\n', 'In-shop': '1\npath item status\n'}


def write_released(name: str, root: Path, data: bytes) -> Path:
    """A dataset of nothing but lists."""
    _, _, listing, beside = RELEASED[name]
    for other, text in beside.items():
        if other.endswith('/'):
            (root / other).mkdir(parents=True, exist_ok=True)
        else:
            (root / other).write_text(text)
    path = root / listing
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read_released(name: str, path: Path) -> list:
    kind, split, listing, _ = RELEASED[name]
    root = path.parents[listing.count('/')]
    dataset = kind(str(root), split, lazy_init=True)
    return list(dataset.read_split(dataset.find_root(), split))


def released(name: str, data: bytes | Callable[[], bytes], sentence: str) -> Case:
    def make(folder: Path) -> Path:
        return write_released(name, folder, data if isinstance(data, bytes) else data())

    return Case(make, lambda path: read_released(name, path), sentence)


def released_line(name: str, line: str, form: str, why: str, shown: str | None = None) -> Case:
    header = HEADERS.get(name, '')
    number = header.count('\n') + line.count('\n') + 1
    last = repr(line.split('\n')[-1]) if shown is None else shown
    return released(
        name,
        f'{header}{line}\n'.encode(),
        f'FILE, line {number}: {last} is not {form!r} ({why}); {CORRECT}',
    )


# --- the MATLAB file --------------------------------------------------------------------------


def annotations(
    *rows: tuple[object, object], compress: bool = False, **others: object
) -> bytes:
    table = np.array([list(rows)], dtype=[('relative_im_path', object), ('class', object)])
    file = io.BytesIO()
    savemat(file, {**others, 'annotations': table}, do_compression=compress)
    return file.getvalue()


def element(kind: int, data: bytes) -> bytes:
    return struct.pack('<II', kind, len(data)) + data + bytes(-len(data) % 8)


def mat_array(kind: int, rows: int, *rest: bytes, name: bytes = b'') -> bytes:
    flags = element(6, struct.pack('<II', kind, 0))
    return element(
        14, flags + element(5, struct.pack('<ii', rows, 1)) + element(1, name) + b''.join(rest)
    )


def mat(*arrays: bytes) -> bytes:
    return b'MATLAB 5.0 MAT-file'.ljust(124) + b'\x00\x01IM' + b''.join(arrays)


def mat_of_a_billion_rows() -> bytes:
    names = element(5, struct.pack('<i', 32)) + element(
        1, b'relative_im_path'.ljust(32, b'\0') + b'class'.ljust(32, b'\0')
    )
    return mat(mat_array(2, 2**30, names, name=b'annotations'))


def mat_nested() -> bytes:
    """Cells in cells, 20,000 deep."""
    inner = mat_array(6, 0)
    heads, length = [], len(inner)
    for _ in range(20_000):
        head = mat_array(1, 1)[8:]
        heads.append(struct.pack('<II', 14, len(head) + length) + head)
        length += len(heads[-1])
    return mat(b''.join(reversed(heads)) + inner)


LISTS = {
    'CSV: path with ..': csv_line('../../etc/passwd,1\n', OUTSIDE.format("'../../etc/passwd'")),
    'CSV: path with .. further inside': csv_line(
        'a/../../b,1\n', OUTSIDE.format("'a/../../b'")
    ),
    'CSV: absolute path': csv_line('/etc/passwd,1\n', OUTSIDE.format("'/etc/passwd'")),
    'CSV: path with a NUL': csv_case(
        'path,pid\na\0.jpg,1\n',
        r"FILE, line 2: the list has a control character, '\x00'; remove it or write the list "
        'again',
    ),
    'CSV: URL as a path': csv_line(
        'https://example.org/a.jpg,1\n',
        "path 'https://example.org/a.jpg' is a URL, and only files are read; download it to a file "
        "below '...'",
    ),
    'CSV: quoted path with a newline and ..': csv_line(
        '"../a\nb",1\n', OUTSIDE.format(r"'../a\nb'")
    ),
    'CSV: path twice': csv_line('a,1\n./a,2\n', "path './a' is in line 2 already", 3),
    'CSV: quote that is never closed': csv_line(
        '"a,1\nb,2\n', 'not CSV (unexpected end of data)'
    ),
    'CSV: field of 10 MB': csv_line(
        f'{"a" * 10**7},1\n', 'not CSV (field larger than field limit (131072))'
    ),
    'CSV: header a second time': csv_line(
        'a,1\npath,pid\n', 'the header comes a second time', 3
    ),
    'CSV: pid -1': csv_line('a,-1\n', '-1 is no pid: leave such images out'),
    'CSV: field too many': csv_line('a,1,2\n', '3 fields, but the header names 2'),
    'CSV: pid nan': csv_line('a,nan\n', 'nan is no pid: leave such images out'),
    'CSV: one number in two spellings': csv_line(
        'a,1\nb,01\n',
        "the pids '01' and '1' are the same number (the latter in line 2): write each name in one "
        'way',
        3,
    ),
    'CSV: separated by semicolons, unknown column': csv_case(
        'path;person\na;1\n',
        "FILE, line 1: the header is 'path;person', which must name path and pid and may name "
        "camid and split (it looks like a semicolon-separated file; unknown: 'person'; missing: "
        "'pid'); correct it",
    ),
    'CSV: header of a million columns': csv_case(
        f'path,pid{",x,y" * 500_000}\n',
        f"FILE, line 1: the header is 'path,pid{',x,y' * 18}...', which must name path and pid "
        "and may name camid and split (unknown: 'x, y'; twice: 'x, y'); correct it",
    ),
    'CSV: header of a million names': csv_case(
        f'path,pid,{",".join(map(str, range(10**6)))}\n',
        'FILE, line 1: the header is ...; correct it',
    ),
    'CSV: absolute path of Windows': csv_line(
        'C:\\data\\a.jpg,1\n',
        r"path 'C:\data\a.jpg' is an absolute one of Windows; make it relative to '...'",
    ),
    'CSV: .. by backslashes': csv_line('..\\a.jpg,1\n', OUTSIDE.format(r"'..\a.jpg'")),
    'CSV: UTF-16 without a byte order mark': csv_case(
        'path,pid\na,1\n'.encode('utf-16-le'),
        'FILE: the list looks like UTF-16 without a byte order mark; save it as UTF-8 text',
    ),
    'CSV: UTF-32': csv_case(
        'path,pid\na,1\n'.encode('utf-32'),
        'FILE: the list looks like UTF-32; save it as UTF-8 text',
    ),
    'CSV: spreadsheet': csv_case(
        b'PK\x03\x04\x14\0\x06\0',
        'FILE: the list looks like a spreadsheet (.xlsx, .ods) or zip archive; save it as UTF-8 '
        'text',
    ),
    'CSV: Latin-1': csv_case(
        'path,pid\nZürich.jpg,1\n'.encode('latin-1'),
        'FILE: the list is not UTF-8 text (byte 10); save it as such or download it again',
    ),
    'CSV: empty': csv_case('', 'FILE: the list is empty; its first line must name the columns'),
    'CSV: named pipe': Case(
        pipe,
        read_own,
        'FILE: the list cannot be read (a pipe, socket or device, not a file)',
    ),
    'CSV: link to a device': Case(
        link('list.csv', '/dev/zero'),
        read_own,
        'FILE: the list cannot be read (a pipe, socket or device, not a file)',
    ),
    'MSMT17: path with ..': released_line(
        'MSMT17', '../0_0_01_x.jpg 0', 'path pid', OUTSIDE.format("'../0_0_01_x.jpg'")
    ),
    'MSMT17: negative pid': released_line(
        'MSMT17', '0_0_01_x.jpg -1', 'path pid', "'-1' is not a number of 1 to 18 digits"
    ),
    'MSMT17: pid of 5,000 digits': released_line(
        'MSMT17',
        f'0_0_01_x.jpg {"9" * 5000}',
        'path pid',
        f"'{'9' * 80}...' is not a number of 1 to 18 digits",
        "'0_0_01_x.jpg 9...'",
    ),
    'MSMT17: path twice': released_line(
        'MSMT17', '0_0_01_x.jpg 0\n0_0_01_x.jpg 1', 'path pid', 'this path is in line 1 already'
    ),
    'MSMT17: line of 10 MB': released_line(
        'MSMT17',
        'x ' * 5_000_000 + 'x',
        'path pid',
        '5000001 fields instead of 2',
        f"'{'x ' * 40}...'",
    ),
    'VehicleID: name with ..': released_line(
        'VehicleID', '../../x 1', 'image vid', OUTSIDE.format("'../../x.jpg'")
    ),
    'VehicleID: number in other digits': released_line(
        'VehicleID', '0000001 ٣', 'image vid', "'٣' is not a number of 1 to 18 digits"
    ),
    'SOP: absolute path': released_line(
        'SOP',
        '1 1 1 /etc/passwd',
        'image_id class_id super_class_id path',
        OUTSIDE.format("'/etc/passwd'"),
    ),
    'In-shop: path with ..': released_line(
        'In-shop', '../x.jpg id_1 query', 'path item status', OUTSIDE.format("'../x.jpg'")
    ),
    'CUB: path with ..': released_line(
        'CUB', '1 ../../x.jpg', 'image_id path', OUTSIDE.format("'../../x.jpg'")
    ),
    'CUB: image twice': released_line(
        'CUB', '1 a.jpg\n1 b.jpg', 'image_id path', 'this image_id is in line 1 already'
    ),
    'Cars: path with ..': released(
        'Cars',
        lambda: annotations(('../x.jpg', 101)),
        NOT_CARS.format(OUTSIDE.format("'../x.jpg'")),
    ),
    'Cars: class beyond all numbers': released(
        'Cars',
        lambda: annotations(('x.jpg', 1e300)),
        NOT_CARS.format("'1000...' is not a number of 1 to 18 digits"),
    ),
    'Cars: table that claims a billion rows': released(
        'Cars', mat_of_a_billion_rows, NOT_CARS.format('it is cut short')
    ),
    'Cars: arrays nested 20,000 deep': released(
        'Cars', mat_nested, NOT_CARS.format("it has no struct array 'annotations'")
    ),
    'Cars: file that inflates to 70 MB': released(
        'Cars',
        lambda: annotations(('x.jpg', 101), compress=True, zeros=np.zeros(7 * 10**7, np.uint8)),
        NOT_CARS.format('it inflates to more than 67,108,864 bytes'),
    ),
    'Cars: function in place of the table': released(
        'Cars',
        mat(mat_array(16, 1, mat_array(6, 0), name=b'annotations')),
        NOT_CARS.format("it has no struct array 'annotations'"),
    ),
    'Cars: text': released(
        'Cars',
        b'<html>404 Not Found</html>' * 20,
        NOT_CARS.format('it is no MATLAB file of level 5, lowest byte first'),
    ),
}
