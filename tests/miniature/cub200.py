from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image


def write_cub200(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """Training classes end at 100 and test classes begin at 101, so both sides are used."""
    root = data_root / 'CUB_200_2011'
    table: Table = {'train': [], 'query': []}
    paths, labels = [], []
    train = range(101 - shape.train_identities, 101)
    test = range(101, 101 + shape.test_identities)
    for split, classes in (('query', test), ('train', train)):
        for label in classes:
            for number in range(shape.images):
                path = f'{label:03d}.Some_Bird/Some_Bird_{number:04d}_{label}.jpg'
                write_image(root / 'images' / path, label, shape.image_size)
                table[split].append(Row(str(root / 'images' / path), label, -1))
                paths.append(f'{len(paths) + 1} {path}')
                labels.append(f'{len(labels) + 1} {label}')
    write_clutter(root / 'images')
    (root / 'images.txt').write_text('\n'.join(paths) + '\n')
    # The two tables are joined by the image's number, not by the line's.
    (root / 'image_class_labels.txt').write_text('\n'.join(reversed(labels)) + '\n')
    return table
