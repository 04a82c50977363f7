from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2

from msvitreid.datasets.transforms import LoadImage
from msvitreid.errors import DatasetError

from .contents import Contents
from .findings import Finding, Item
from .parallel import work_through


def unreadable_findings(
    contents: Sequence[Contents],
    decode: bool = True,
    workers: int | None = None,
    progress: bool = False,
) -> list[Finding]:
    """Images that are missing, empty, or not to be decoded as a pipeline does it: faults.

    Args:
        contents: datasets to look at.
        decode: whether to decode; without, only missing and empty files are found.
        workers: threads; ``None`` takes one for each CPU.
        progress: whether to show a bar with the time left on stderr.
    """
    paths = sorted({e['img_path'] for c in contents for e in (*c.train, *c.test)})
    look, task = (_try_decoding, 'decoding') if decode else (_look_at_file, 'looking at')
    with _silent_opencv():
        wrong = {
            path: fault
            for path, fault in work_through(look, paths, task, workers, progress)
            if fault
        }
    findings = []
    for one in contents:
        for split, entries in one.splits.items():
            bad = sorted({e['img_path'] for e in entries} & wrong.keys())
            items = tuple(Item((path,), wrong[path]) for path in bad)
            if items:
                where = f'{one.name} {split}'
                findings.append(Finding('unreadable', True, where, 'unreadable images', items))
    return findings


def _look_at_file(path: str) -> str:
    """What is wrong with a file, at a glance; '' if nothing is."""
    try:
        return '' if os.stat(path).st_size else 'empty file'
    except OSError as error:
        return error.strerror or str(error)


def _try_decoding(path: str) -> str:
    fault = _look_at_file(path)
    if fault:
        return fault
    try:
        LoadImage().transform({'img_path': path})
    except DatasetError as error:
        # The report names the file and says what to do by itself.
        reason, _, _ = str(error).removeprefix(f'{path}: ').rpartition('; ')
        return reason
    return ''


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep OpenCV's own complaints about single files out of the progress bar."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
