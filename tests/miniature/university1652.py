from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image


def write_university1652(
    data_root: Path, shape: TreeShape = DEFAULT_SHAPE, task: str = 'drone2satellite'
) -> Table:
    """One satellite image and ``images`` drone images a building; the table is ``task``'s.

    Galleries have a building, 0002, that no query has; ground views belong to no split.
    """
    root = data_root / 'University-Release'
    rows: dict[str, list[Row]] = {}

    def add(folder: str, building: int, names: list[str]) -> None:
        for name in names:
            path = root / folder / f'{building:04d}' / name
            write_image(path, building, shape.image_size)
            rows.setdefault(folder, []).append(Row(str(path), building, -1))

    drone = [
        f'image-{number + 1:02d}.{"jpeg" if number else "JPG"}'
        for number in range(shape.images)
    ]
    for building in range(839, 839 + shape.train_identities):
        add('train/drone', building, drone)
        add('train/satellite', building, [f'{building:04d}.jpg'])
        add('train/street', building, ['1.jpg'])
    distractor = 2
    for building in (distractor, *range(999, 999 + shape.test_identities)):
        for kind in ('gallery',) if building == distractor else ('query', 'gallery'):
            add(f'test/{kind}_drone', building, drone)
            add(f'test/{kind}_satellite', building, [f'{building:04d}.png'])
            add(f'test/{kind}_street', building, ['1.jpg'])
    for folder in rows:
        write_clutter(root / folder)
        (root / folder / '1652').mkdir()
    query, gallery = task.split('2')
    return {
        'train': rows['train/drone'] + rows['train/satellite'],
        'query': rows[f'test/query_{query}'],
        'gallery': rows[f'test/gallery_{gallery}'],
    }
