from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import NUMBER, path_below
from msvitreid.datasets.readers.text_files import parse_rows
from msvitreid.datasets.split_statistics import SplitStatistics
from msvitreid.registry import DATASETS

PARTITION = 'list_eval_partition.txt'
# As people unpack it, and as released.
PARTITION_PLACES = (PARTITION, f'Eval/{PARTITION}')
ITEM = re.compile(f'id_({NUMBER})')
SPLITS = ('train', 'query', 'gallery')


@DATASETS.register_module()
class InShop(ReIDDataset):
    """In-shop Clothes Retrieval of DeepFashion: 3,997 items to train with and 3,985 to find.

    The list's paths (``img/WOMEN/...``) are taken below the dataset's folder, or below its
    ``Img/`` if the archive was unpacked there. No camera is known.
    """

    folder_names = ('In-shop', 'In-shop Clothes Retrieval Benchmark')
    markers = PARTITION_PLACES
    sources = {split: f'{PARTITION} as {split!r}' for split in SPLITS}
    expected = {
        'train': SplitStatistics(images=25_882, identities=3_997),
        'query': SplitStatistics(images=14_218, identities=3_985),
        'gallery': SplitStatistics(images=12_612, identities=3_985),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        partition = next(root / p for p in PARTITION_PLACES if (root / p).exists())
        # This first: where case does not matter, root/img exists in both trees.
        images = root / 'Img' if (root / 'Img' / 'img').is_dir() else root

        def row(path: str, item: str, status: str) -> tuple[str, ImageRecord]:
            match = ITEM.fullmatch(item)
            if match is None or status not in SPLITS:
                raise ValueError(f'item must be id_<number>, status one of {", ".join(SPLITS)}')
            return status, ImageRecord(path_below(images, path), int(match[1]), -1)

        form = 'path item status'
        for status, record in parse_rows(partition, row, form, unique='path', header=2):
            if status == split:
                yield record
