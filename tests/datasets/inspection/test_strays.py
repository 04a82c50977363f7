from __future__ import annotations

from pathlib import Path

import pytest

from msvitreid.datasets.inspection import stray_findings

from .contents import contents, entry


@pytest.fixture
def root(tmp_path):
    for name in (
        'list.txt',
        'notes/readme.md',
        'train/0001_c1.jpg',
        'train/0002_c1.jpg',
        'train/-1_c3.jpg',
        'train/.hidden.jpg',
        'train/THUMBS.DB',
        'train/desktop.ini',
        'train/film.mp4',
        'train/more/0003_c1.jpg',
        'other/0003_c1.PNG',
        '.git/config',
        '.git/x.jpg',
        'train/__MACOSX/x.jpg',
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')
    return tmp_path


def strays(root: Path, *read: str) -> dict[str, list[str]]:
    entries = [entry('train', 1, path=str(root / name)) for name in read]
    found = stray_findings([contents(entries, root=root)])
    assert not any(finding.is_fault for finding in found)
    return {
        finding.what.removeprefix('passed over: '): [
            str(Path(item.paths[0]).relative_to(root)) for item in finding.items
        ]
        for finding in found
    }


def test_every_reason(root):
    assert strays(root, 'train/0001_c1.jpg') == {
        'folder __MACOSX': ['train/__MACOSX'],
        'hidden file': ['train/.hidden.jpg'],
        'hidden folder': ['.git'],
        'image in a folder that is not read': ['other/0003_c1.PNG', 'train/more/0003_c1.jpg'],
        'image on no list that is read': ['train/0002_c1.jpg'],
        'junk, pid -1': ['train/-1_c3.jpg'],
        'left by a desktop': ['train/THUMBS.DB', 'train/desktop.ini'],
        'not an image suffix': ['train/film.mp4'],
    }


def test_what_is_read_is_no_stray(root):
    read = ['train/0001_c1.jpg', 'train/0002_c1.jpg', 'train/more/0003_c1.jpg']
    found = strays(root, *read)
    assert found['image in a folder that is not read'] == ['other/0003_c1.PNG']
    assert 'image on no list that is read' not in found


def test_a_folder_behind_a_link_is_looked_at_if_it_is_read(tmp_path):
    real, root = tmp_path / 'real', tmp_path / 'root'
    real.mkdir()
    root.mkdir()
    (root / 'train').symlink_to(real)
    (root / 'loop').symlink_to(root)
    for name in ('0001_c1.jpg', 'notes.txt'):
        (real / name).write_bytes(b'')
    assert strays(root, 'train/0001_c1.jpg') == {'not an image suffix': ['train/notes.txt']}
