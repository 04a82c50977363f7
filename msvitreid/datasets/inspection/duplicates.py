from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from msvitreid.datasets.leaks import is_leak
from msvitreid.utils.regular_file import read_regular_file

from .contents import Contents
from .findings import Finding, Item
from .parallel import work_through

LABELS = {
    'duplicate_across': 'groups of identical files across train and test',
    'duplicate_query_gallery': 'queries with an identical file in the gallery',
    'duplicate_train': 'groups of identical files inside train',
    'duplicate_test': 'groups of identical files inside test',
}
FAULTS = ('duplicate_across', 'duplicate_query_gallery')

# The entries that each file is listed with, and the source within which pids are comparable.
Listed = dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]]


def duplicate_findings(
    contents: Sequence[Contents], workers: int | None = None, progress: bool = False
) -> list[Finding]:
    """Files of the same bytes, and files that are listed twice.

    Across train and test they are a fault, even between two datasets: the net is tested on
    what it was trained on. So is a gallery file that is a query's, unless identity and camera
    agree, as such images are left out of the query's ranking. Elsewhere inside train or test
    they are information; where they bear different identities, that is said. Empty files are
    left to other checks.

    Args:
        contents: datasets to look at.
        workers: threads; ``None`` takes one for each CPU.
        progress: whether to show a bar with the time left on stderr.
    """
    train, test = _listed(contents, 'train'), _listed(contents, 'test')
    kinds: dict[str, list[Item]] = {kind: [] for kind in LABELS}
    for group in same_bytes(sorted(train.keys() | test.keys()), workers, progress):
        in_train = [path for path in group if path in train]
        in_test = [path for path in group if path in test]
        pairs = _found_by_themselves([one for path in in_test for one in test[path]])
        if in_train and in_test:
            note = 'listed for both' if set(in_train) & set(in_test) else ''
            paths = tuple(dict.fromkeys(in_train + in_test))
            kinds['duplicate_across'].append(Item(paths, note))
        if pairs:
            kinds['duplicate_query_gallery'] += pairs
        elif len(group) > 1 and not (in_train and in_test):
            side, kind = (train, 'train') if in_train else (test, 'test')
            identities = {(source, e['pid']) for path in group for source, e in side[path]}
            note = 'different identities' if len(identities) > 1 else ''
            kinds[f'duplicate_{kind}'].append(Item(tuple(group), note))
    where = ' and '.join(dict.fromkeys(one.name for one in contents))
    return [
        Finding(kind, kind in FAULTS, where, LABELS[kind], tuple(sorted(items)))
        for kind, items in kinds.items()
        if items
    ]


def _found_by_themselves(
    listed: Iterable[tuple[tuple[Any, ...], dict[str, Any]]],
) -> list[Item]:
    """Queries among the entries of one file's copies, each with a gallery entry it finds."""
    queries = [(source, entry) for source, entry in listed if entry['split'] == 'query']
    gallery = [(source, entry) for source, entry in listed if entry['split'] == 'gallery']
    items = {}
    for (source, query), (other, image) in product(queries, gallery):
        if source == other and query['img_path'] not in items and is_leak(query, image):
            paths = tuple(dict.fromkeys((query['img_path'], image['img_path'])))
            note = 'listed for both' if len(paths) == 1 else ''
            if query['pid'] != image['pid']:
                note = f'identities {query["pid_name"]} and {image["pid_name"]}'
            items[query['img_path']] = Item(paths, note)
    return list(items.values())


def same_bytes(
    paths: Sequence[str], workers: int | None = None, progress: bool = False
) -> list[list[str]]:
    """Files grouped by their bytes, single ones included; missing and empty ones are left out.

    Only files that have another's size are read.
    """
    by_size = defaultdict(list)
    for path, size in work_through(_size, paths, 'looking at', workers):
        by_size[size].append(path)
    same_size = [files for size, files in by_size.items() if size > 0]
    groups = [files for files in same_size if len(files) == 1]
    doubtful = sorted(path for files in same_size if len(files) > 1 for path in files)
    by_digest = defaultdict(list)
    for path, digest in work_through(_digest, doubtful, 'hashing', workers, progress):
        # What cannot be read is like nothing else.
        by_digest[digest or path].append(path)
    return sorted([*groups, *by_digest.values()])


def _size(path: str) -> int:
    """Size in bytes; -1 of a file that is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(read_regular_file(path)).hexdigest()
    except OSError:
        return ''


def _listed(contents: Iterable[Contents], side: str) -> Listed:
    """The entries that each file of one side is listed with."""
    found: Listed = {}
    for one in contents:
        for entry in getattr(one, side):
            found.setdefault(entry['img_path'], []).append((one.source, entry))
    return found
