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
