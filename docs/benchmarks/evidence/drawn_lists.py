"""Draw a set of PKU-Reid's size and write its lists, drawn.csv and drawn_occluded.csv.

From the root of a checkout: python docs/benchmarks/evidence/drawn_lists.py
Drawn people, none of them covered but those of the queries in drawn_occluded.csv. In drawn.csv the
queries are the gallery images of the first two cameras; the gallery, of the other two, is the same.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path('data/drawn')
SIZES = (
    '--train-ids 44 --images-per-id 16 --test-ids 30 --gallery-per-id 16 --queries-per-id 8 '
    '--cams 4 --occluded-share 0'
)


def main() -> None:
    command = [sys.executable, '-m', 'msvitreid', 'make-data', str(ROOT), *SIZES.split()]
    subprocess.run(command, check=True)
    train, gallery, covered = [], [], []
    lists = {'bounding_box_train': train, 'bounding_box_test': gallery, 'query': covered}
    for path in sorted(ROOT.rglob('*.*')):
        found = re.match(r'(\d+)_c(\d+)', path.name)
        if found and path.parent.name in lists:
            lists[path.parent.name].append((path.relative_to(ROOT).as_posix(), *found.groups()))
    clean = [row for row in gallery if int(row[2]) <= 2]
    others = [row for row in gallery if int(row[2]) > 2]
    write('drawn.csv', train, clean, others)
    write('drawn_occluded.csv', train, covered, others)


def write(name: str, *splits: list[tuple[str, str, str]]) -> None:
    with open(ROOT / name, 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['path', 'pid', 'camid', 'split'])
        for split, rows in zip(('train', 'query', 'gallery'), splits, strict=True):
            writer.writerows([*row, split] for row in rows)
        print(name, *map(len, splits))


if __name__ == '__main__':
    main()
