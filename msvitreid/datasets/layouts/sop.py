from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msvitreid.datasets.base import ImageRecord, ReIDDataset
from msvitreid.datasets.readers.listed_values import number, path_below
from msvitreid.datasets.readers.text_files import parse_rows
from msvitreid.datasets.split_statistics import SplitStatistics
from msvitreid.registry import DATASETS

LISTS = {'train': 'Ebay_train.txt', 'query': 'Ebay_test.txt'}


@DATASETS.register_module()
class SOP(ReIDDataset):
    """Stanford Online Products: 11,318 products to train with, 11,316 to find by one another."""

    folder_names = ('Stanford_Online_Products', 'SOP')
    markers = tuple(LISTS.values())
    sources = LISTS
    test_splits = ('query',)
    expected = {
        'train': SplitStatistics(images=59_551, identities=11_318),
        'query': SplitStatistics(images=60_502, identities=11_316),
    }

    def read_split(self, root: Path, split: str) -> Iterator[ImageRecord]:
        def record(image_id: str, class_id: str, super_class_id: str, path: str) -> ImageRecord:
            return ImageRecord(path_below(root, path), number(class_id), -1)

        form = 'image_id class_id super_class_id path'
        return parse_rows(root / LISTS[split], record, form, unique='path', header=1)
