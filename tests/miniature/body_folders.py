"""Bodies in folders: P-DukeMTMC-reid, Occluded-REID and Partial-REID."""

from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image


def write_p_dukemtmc(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    root = data_root / 'P-DukeMTMC-reid'
    table: Table = {'train': [], 'query': [], 'gallery': []}

    def add(split: str, folder: str, pid: int, name: str) -> None:
        path = root / folder / f'{pid:04d}' / name
        write_image(path, pid, shape.image_size)
        table[split].append(Row(str(path), pid, -1))

    for pid in range(1, shape.train_identities + 1):
        for frame in range(shape.images):
            body = 'occluded' if frame % 2 else 'whole'
            # The camera in the name is not used: this set is not filtered by camera.
            name = f'c{1 + frame % 8}_f{frame:07d}.jpg'
            add('train', f'train/{body}_body_images', pid, name)
    for pid in range(1001, 1001 + shape.test_identities):
        add('query', 'test/occluded_body_images', pid, 'c1_f0000900.JPG')
        for frame in range(shape.images):
            add('gallery', 'test/whole_body_images', pid, f'c{frame}_f{frame:07d}.jpg')
    for split in ('train', 'test'):
        for body in ('occluded', 'whole'):
            folder = root / split / f'{body}_body_images'
            write_clutter(folder)
            (folder / '0999').mkdir()
    write_clutter(root / 'train/whole_body_images/0001')
    return table


def write_occluded_reid(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """A folder per identity, tif beside one png, with clutter and an identity without images."""
    root = data_root / 'Occluded_REID'
    table: Table = {'query': [], 'gallery': []}
    for split, body, first in (('query', 'occluded', 0), ('gallery', 'whole', 50)):
        folder = root / f'{body}_body_images'
        for pid in range(9, 9 + shape.test_identities):  # one digit, then two
            for number in range(shape.images):
                suffix = ('TIF', 'png', 'tif')[min(number, 2)]
                path = folder / f'{pid:03d}' / f'{pid:03d}_-1_{first + number:02d}.{suffix}'
                write_image(path, pid, shape.image_size)
                table[split].append(Row(str(path), pid, -1))
        write_clutter(folder)
        write_clutter(folder / '009')
        (folder / '200').mkdir()
    return table


def write_partial_reid(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """Files lie in the body folders themselves; those of the last identity in one of its own."""
    root = data_root / 'Partial-REID_Dataset'
    table: Table = {'query': [], 'gallery': []}
    pids = range(9, 9 + shape.test_identities)
    for split, body, first in (('query', 'partial', 0), ('gallery', 'whole', 50)):
        folder = root / f'{body}_body_images'
        for pid in pids:
            for number in range(shape.images):
                suffix = ('JPG', 'png', 'jpg')[min(number, 2)]
                home = folder / f'{pid:03d}' if pid == pids[-1] else folder
                path = home / f'{pid:03d}_{first + number:03d}-1.{suffix}'
                write_image(path, pid, shape.image_size)
                table[split].append(Row(str(path), pid, -1))
        write_clutter(folder)
        (folder / '060').mkdir()
    # Occluded views, which the release has too, are not the partial ones.
    write_image(root / 'occluded_body_images' / '001_001.jpg', 1, shape.image_size)
    return table
