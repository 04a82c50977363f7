"""Market-1501's layout: Market-1501, DukeMTMC-reID, Occluded-Duke and CUHK03-NP."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image

FOLDERS = {'train': 'bounding_box_train', 'query': 'query', 'gallery': 'bounding_box_test'}


def write_market_layout(
    root: Path,
    shape: TreeShape,
    name: str = '{pid:04d}_c{camid}s1_{frame:06d}_00.jpg',
    cameras: int = 6,
) -> Table:
    """The three folders and clutter; training pids 2, 4, ..., test pids 1, 3, ..."""
    table: Table = {split: [] for split in FOLDERS}

    def add(split: str, pid: int, camid: int, frame: int) -> None:
        path = root / FOLDERS[split] / name.format(pid=pid, camid=camid, frame=frame)
        write_image(path, pid, shape.image_size)
        table[split].append(Row(str(path), pid, camid))

    for pid in range(2, 2 * shape.train_identities + 2, 2):
        for frame in range(shape.images):
            add('train', pid, 1 + frame % cameras, frame)
    for pid in range(1, 2 * shape.test_identities + 1, 2):
        add('query', pid, 1, 900)
        for frame in range(shape.images):
            add('gallery', pid, 1 + frame % cameras, frame)
    for folder in FOLDERS.values():
        write_clutter(root / folder)
        (root / folder / 'empty').mkdir()
        (root / folder / '0001_c1_a_folder.jpg').mkdir()
    return table


def write_market1501(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    root = data_root / 'Market-1501-v15.09.15'
    table = write_market_layout(root, shape)
    train, gallery = root / 'bounding_box_train', root / 'bounding_box_test'
    for path, pid in (
        (train / '0002_c1s1_000451-1.jpg', 2),
        (train / '0002_c2s1_000801_01.JPG', 2),
        (train / '0004_c3s2_000012_01.png', 4),
        (gallery / '-1_c1s1_000401_03.jpg', -1),
        (gallery / '-1_c2s1_000701_01.jpg', -1),
        (gallery / '0000_c1s1_000151_01.jpg', 0),
        (gallery / '0000_c6s3_-1.jpg', 0),
        (gallery / '0001_c4s-1_000001_01.jpeg', 1),
    ):
        write_image(path, pid, shape.image_size)
    table['train'] += [
        Row(str(train / '0002_c1s1_000451-1.jpg'), 2, 1),
        Row(str(train / '0002_c2s1_000801_01.JPG'), 2, 2),
        Row(str(train / '0004_c3s2_000012_01.png'), 4, 3),
    ]
    table['gallery'] += [
        Row(str(gallery / '0000_c1s1_000151_01.jpg'), 0, 1),
        Row(str(gallery / '0000_c6s3_-1.jpg'), 0, 6),
        Row(str(gallery / '0001_c4s-1_000001_01.jpeg'), 1, 4),
    ]
    return table


def write_dukemtmc(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    return write_market_layout(
        data_root / 'DukeMTMC-reID', shape, '{pid:04d}_c{camid}_f{frame:07d}.jpg', cameras=8
    )


def write_occluded_duke(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    root = data_root / 'Occluded_Duke'
    table = write_market_layout(root, shape, '{pid:04d}_c{camid}_f{frame:07d}.jpg', cameras=8)
    two_digits = root / 'bounding_box_train' / '0006_c12_f0046182.jpg'
    write_image(two_digits, 6, shape.image_size)
    table['train'].append(Row(str(two_digits), 6, 12))
    return table


def write_cuhk03np(
    data_root: Path,
    shape: TreeShape = DEFAULT_SHAPE,
    variant: Literal['detected', 'labeled'] = 'detected',
) -> Table:
    return write_market_layout(
        data_root / 'cuhk03-np' / variant, shape, '{pid:04d}_c{camid}_{frame}.png', cameras=2
    )
