from __future__ import annotations

from pathlib import Path

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image


def write_vehicleid(
    data_root: Path, shape: TreeShape = DEFAULT_SHAPE, test_size: int = 800
) -> Table:
    """One folder of images and four lists; the table's queries are those of ``test_size``.

    The test lists hold ``test_identities`` vehicles, one more and two more. Images on no
    list, and the lists' order, which is not that of the paths, are the traps.
    """
    root = data_root / 'VehicleID_V1.0'
    images, lists = root / 'image', root / 'train_test_split'
    rows: dict[int, list[Row]] = {}

    def vehicles(first: int, count: int) -> list[Row]:
        for pid in range(first, first + count):
            for number in range(shape.images):
                # Numbers of images fall as those of vehicles rise.
                path = images / f'{9_000_000 - 100 * pid + number:07d}.jpg'
                write_image(path, pid, shape.image_size)
                rows.setdefault(pid, []).append(Row(str(path), pid, -1))
        return [row for pid in range(first, first + count) for row in rows[pid]]

    train = vehicles(1, shape.train_identities)
    largest = vehicles(9001, shape.test_identities + 2)
    tests = {
        800 * (1 + more): largest[: (shape.test_identities + more) * shape.images]
        for more in range(3)
    }
    lists.mkdir()
    for name, listed in (('train', train), *((f'test_{n}', t) for n, t in tests.items())):
        kind, _, size = name.partition('_')
        lines = [f'{Path(row.img_path).stem} {row.pid}\n' for row in listed]
        (lists / f'{kind}_list{"_" if size else ""}{size}.txt').write_text(''.join(lines))
    write_image(images / '0000001.jpg', 0, shape.image_size)
    write_image(images / '0000002.png', 0, shape.image_size)
    write_clutter(images)
    (images / 'empty').mkdir()
    return {'train': train, 'query': tests[test_size]}
