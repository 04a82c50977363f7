from __future__ import annotations

from pathlib import Path
from typing import Literal

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image


def write_inshop(
    data_root: Path,
    shape: TreeShape = DEFAULT_SHAPE,
    form: Literal['flat', 'released'] = 'flat',
) -> Table:
    """``img/`` and the list in the dataset's folder, or below ``Img/`` and ``Eval/``.

    One list for all splits, its lines mixed and its columns padded, as released; one
    query is a png.
    """
    root = data_root / ('In-shop' if form == 'flat' else 'In-shop Clothes Retrieval Benchmark')
    images, eval_folder = (root, root) if form == 'flat' else (root / 'Img', root / 'Eval')
    table: Table = {'train': [], 'query': [], 'gallery': []}
    lines = []

    def add(split: str, item: int, name: str) -> None:
        kind = ('WOMEN/Blouses_Shirts', 'MEN/Denim')[item % 2]
        path = f'img/{kind}/id_{item:08d}/{name}'
        write_image(images / path, item, shape.image_size)
        table[split].append(Row(str(images / path), item, -1))
        lines.append(f'{path:<72} id_{item:08d} {split}')

    for item in range(1, 1 + shape.train_identities):
        for number in range(shape.images):
            add('train', item, f'{number + 1:02d}_1_front.jpg')
    for item in range(7001, 7001 + shape.test_identities):
        add('query', item, '01_1_front.png')
        for number in range(shape.images):
            # Upper-case suffix; and a valid name that contains -1.
            add('gallery', item, f'{number + 2:02d}-1_full.{"jpg" if number else "JPG"}')
    lines.sort(key=lambda line: line[::-1])
    eval_folder.mkdir(exist_ok=True)
    header = [str(len(lines)), 'image_name item_id evaluation_status']
    (eval_folder / 'list_eval_partition.txt').write_text('\n'.join([*header, *lines, '']))
    write_image(images / 'img/MEN/Denim/id_00000001/99_1_front.jpg', 1, shape.image_size)
    write_clutter(images / 'img')
    (images / 'img' / 'empty').mkdir()
    return table
