from __future__ import annotations

from pathlib import Path
from typing import Literal

from .market_style import write_market_layout
from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image

RELEASES = {'V1': ('train', 'test'), 'V2': ('mask_train_v2', 'mask_test_v2')}


def write_msmt17(
    data_root: Path,
    shape: TreeShape = DEFAULT_SHAPE,
    form: Literal['V1', 'V2', 'market'] = 'V1',
) -> Table:
    """One of the forms, with cameras up to 15.

    In the released forms training pids and test pids both count from 0, and the last image
    of each training identity is on ``list_val.txt``.
    """
    if form == 'market':
        return write_market_layout(
            data_root / 'MSMT17', shape, '{pid:04d}_c{camid}_{frame:04d}.jpg', cameras=15
        )
    root = data_root / f'MSMT17_{form}'
    train, test = (root / folder for folder in RELEASES[form])
    lists: dict[str, list[str]] = {'train': [], 'val': [], 'query': [], 'gallery': []}
    table: Table = {'train': [], 'query': [], 'gallery': []}

    def add(folder: Path, name: str, split: str, pid: int, camid: int, frame: int) -> None:
        path = f'{pid:04d}/{pid:04d}_{frame:03d}_{camid:02d}_0303morning_{frame:04d}_0.jpg'
        write_image(folder / path, pid, shape.image_size)
        lists[name].append(f'{path} {pid}')
        table[split].append(Row(str(folder / path), pid, camid))

    for pid in range(shape.train_identities):
        for frame in range(shape.images):
            last = frame == shape.images - 1
            camid = 15 if last else 1 + 7 * (frame % 2)
            add(train, 'val' if last else 'train', 'train', pid, camid, frame)
    for pid in range(shape.test_identities):
        add(test, 'query', 'query', pid, 1, 900)
        for frame in range(shape.images):
            add(test, 'gallery', 'gallery', pid, 1 + frame % 15, frame)
    # Images on no list belong to no split.
    write_image(train / '0000/0000_999_11_0303morning_0999_0.jpg', 0, shape.image_size)
    write_clutter(train)
    for name, lines in lists.items():
        # The order of the lists is not the order of the paths.
        (root / f'list_{name}.txt').write_text('\n'.join(reversed(lines)) + '\n')
    return table
