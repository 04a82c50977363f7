from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence

from .contents import Contents
from .findings import Finding, Item
from .parallel import work_through

LABELS = {
    'duplicate_across': 'groups of identical files across train and test',
    'duplicate_train': 'groups of identical files inside train',
    'duplicate_test': 'groups of identical files inside test',
}


def duplicate_findings(
    contents: Sequence[Contents], workers: int | None = None, progress: bool = False
) -> list[Finding]:
    """Files of the same bytes, and files that are listed for both training and test.

    Across train and test they are a fault, even between two datasets: the net is tested on
    what it was trained on. Inside train or test they are information; where they bear
    different identities, that is said. Empty files are left to other checks.

    Args:
        contents: datasets to look at.
        workers: threads; ``None`` takes one for each CPU.
        progress: whether to show a bar with the time left on stderr.
    """
    train = _identities(contents, 'train')
    test = _identities(contents, 'test')
    kinds: dict[str, list[Item]] = {kind: [] for kind in LABELS}
    for group in same_bytes(sorted(train.keys() | test.keys()), workers, progress):
        in_train = [path for path in group if path in train]
        in_test = [path for path in group if path in test]
        if in_train and in_test:
            note = 'listed for both' if set(in_train) & set(in_test) else ''
            paths = tuple(dict.fromkeys(in_train + in_test))
            kinds['duplicate_across'].append(Item(paths, note))
        elif len(group) > 1:
            side, kind = (train, 'train') if in_train else (test, 'test')
            identities = set().union(*(side[path] for path in group))
            note = 'different identities' if len(identities) > 1 else ''
            kinds[f'duplicate_{kind}'].append(Item(tuple(group), note))
    where = ' and '.join(dict.fromkeys(one.name for one in contents))
    return [
        Finding(kind, kind == 'duplicate_across', where, LABELS[kind], tuple(items))
        for kind, items in kinds.items()
        if items
    ]


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
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ''


def _identities(contents: Iterable[Contents], side: str) -> dict[str, set[tuple]]:
    """The identities that each file of one side is listed with; those of two sources differ."""
    found: dict[str, set[tuple]] = {}
    for one in contents:
        for entry in getattr(one, side):
            found.setdefault(entry['img_path'], set()).add((one.source, entry['pid']))
    return found
