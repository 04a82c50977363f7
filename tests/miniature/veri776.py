from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image

FOLDERS = {'train': 'image_train', 'query': 'image_query', 'gallery': 'image_test'}


def write_veri776(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """Cameras of three digits up to 20; a png, an upper-case suffix, a '-1' and junk."""
    root = data_root / 'VeRi'
    table: Table = {split: [] for split in FOLDERS}

    def add(split: str, pid: int, camid: int, rest: str) -> None:
        path = root / FOLDERS[split] / f'{pid:04d}_c{camid:03d}_{rest}'
        write_image(path, pid, shape.image_size)
        table[split].append(Row(str(path), pid, camid))

    for pid in range(1, shape.train_identities + 1):
        for frame in range(shape.images):
            add('train', pid, 20 - frame % 20, f'{frame:08d}_0.jpg')
    for pid in range(601, 601 + shape.test_identities):
        add('query', pid, 2, '00030600_0.jpg')
        for frame in range(shape.images):
            add('gallery', pid, 1 + frame % 20, f'{frame:08d}_0.jpg')
    add('train', 1, 12, '00016470-1.jpg')
    add('train', 1, 13, '00016475_0.JPG')
    add('gallery', 601, 19, '00016480_-1.png')
    junk = root / 'image_test' / '-1_c001_00016500_0.jpg'
    write_image(junk, 0, shape.image_size)
    for folder in FOLDERS.values():
        write_clutter(root / folder)
        (root / folder / '0001').mkdir()
    # The lists next to the folders are not read.
    (root / 'name_query.txt').write_text('9999_c001_00000000_0.jpg\n')
    return table
