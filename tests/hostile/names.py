"""Names of files and folders, from which datasets read identities and cameras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msvitreid.datasets.layouts.body_folders import read_identities
from msvitreid.datasets.layouts.market_style import read_market_folder
from msvitreid.datasets.readers.identity_folders import read_identity_folders

from .case import Case, content

NO_PID_AND_CAMERA = (
    "FILE: no identity and camera in this file's name, which must begin with <pid>_c<camera>, as "
    '0002_c1s1_000451_03.jpg does; rename the file or take it out'
)
NO_PID = (
    "FILE: no identity in this file's name, which must begin with <pid>_, as 001_002.jpg does; "
    'rename the file, move it into a folder called by its identity, or take it out'
)
NO_NUMBER = (
    "FILE: this folder's name must be its identity, a number such as 0001; rename the folder or "
    'take it out'
)
NO_CAMERA = (
    r"FILE: camera_pattern '_c(\d+)' finds no camera number in this name; rename the file or "
    'change the option'
)


def market(name: str) -> Case:
    return Case(
        content(name, bytes),
        lambda path: list(read_market_folder(path.parent)),
        NO_PID_AND_CAMERA,
    )


def body_file(name: str) -> Case:
    return Case(content(name, bytes), lambda path: list(read_identities(path.parent)), NO_PID)


def body_folder(name: str) -> Case:
    return Case(folder(name), lambda path: list(read_identities(path.parent)), NO_NUMBER)


def folder(name: str) -> Callable[[Path], Path]:
    def make(parent: Path) -> Path:
        (parent / name).mkdir()
        return parent / name

    return make


def own(name: str) -> Case:
    return Case(
        content(f'train/anna/{name}', bytes),
        lambda path: read_identity_folders(path.parents[2], 'train', r'_c(\d+)'),
        NO_CAMERA,
    )


NAMES = {
    'Market: no pid': market('c1s1_000451.jpg'),
    'Market: pid -2': market('-2_c1s1_000451.jpg'),
    'Market: pid of 30 digits': market(f'{"9" * 30}_c1.jpg'),
    'Market: camera of 30 digits': market(f'0002_c{"9" * 30}.jpg'),
    'Market: pid in other digits': market('٠٠٠٢_c1.jpg'),
    'Market: newline in front': market('\n0002_c1.jpg'),
    'Body folders: pid of 30 digits': body_folder('9' * 30),
    'Body folders: raised two': body_folder('²'),
    'Body folders: file without pid': body_file('person_1.jpg'),
    'Body folders: file, pid of 30 digits': body_file(f'{"9" * 30}_1.jpg'),
    'Own folders: camera of 30 digits': own(f'x_c{"9" * 30}.jpg'),
    'Own folders: camera in other digits': own('x_c٣.jpg'),
}
