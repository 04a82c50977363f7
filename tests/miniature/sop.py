from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image

HEADER = 'image_id class_id super_class_id path'


def write_sop(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """Upper-case suffixes as released, one lower-case and one png; images on no list."""
    root = data_root / 'Stanford_Online_Products'
    table: Table = {'train': [], 'query': []}
    train = range(1, 1 + shape.train_identities)
    test = range(11_319, 11_319 + shape.test_identities)
    for split, name, classes in (('train', 'train', train), ('query', 'test', test)):
        lines = []
        for label in classes:
            for number in range(shape.images):
                suffix = ('jpg', 'png', 'JPG')[min(number, 2)]
                super_class = 1 + label % 2
                kind = ('bicycle', 'cabinet')[super_class - 1]
                path = f'{kind}_final/{111085122871 - label}_{number}-1.{suffix}'
                write_image(root / path, label, shape.image_size)
                table[split].append(Row(str(root / path), label, -1))
                lines.append(f'{len(lines) + 1} {label} {super_class} {path}')
        lines.reverse()
        (root / f'Ebay_{name}.txt').write_text('\n'.join([HEADER, *lines, '', '']))
    write_image(root / 'bicycle_final' / '1_0.JPG', 0, shape.image_size)
    write_clutter(root / 'bicycle_final')
    (root / 'chair_final').mkdir()
    (root / 'Ebay_info.txt').write_text(f'{HEADER}\n1 1 1 bicycle_final/1_0.JPG\n')
    return table
