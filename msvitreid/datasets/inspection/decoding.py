from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import cv2
import numpy as np

from msvitreid.datasets.transforms.image_decoding import decode_image
from msvitreid.errors import DatasetError

from .contents import Contents
from .findings import Finding, Item
from .parallel import work_through

# OpenCV's level at which it writes nothing.
_SILENT = 0

#: A 16-bit image without a value of more than 14 bits shows as dark as a quarter of white.
DARK = 2**14


class _Look(NamedTuple):
    """What is wrong with a file, '' if nothing is; of a 16-bit image its highest value."""

    fault: str
    highest: int | None = None


def unreadable_findings(
    contents: Sequence[Contents],
    decode: bool = True,
    workers: int | None = None,
    progress: bool = False,
) -> list[Finding]:
    """Images that are missing, empty, or not to be decoded as a pipeline does it: faults.

    So are 16-bit images that use a part of their range only, if most of a split's do: of 12 bits
    in 16 the upper 8 are all but black. A few are information.

    Args:
        contents: datasets to look at.
        decode: whether to decode; without, only missing and empty files are found.
        workers: threads; ``None`` takes one for each CPU.
        progress: whether to show a bar with the time left on stderr.
    """
    paths = sorted({e['img_path'] for c in contents for e in (*c.train, *c.test)})
    look, task = (_try_decoding, 'decoding') if decode else (_look_at_file, 'looking at')
    with _silent_opencv():
        looks = dict(work_through(look, paths, task, workers, progress))
    findings = []
    for one in contents:
        for split, entries in one.splits.items():
            own = {path: looks[path] for path in sorted({e['img_path'] for e in entries})}
            where = f'{one.name} {split}'
            items = tuple(Item((path,), look.fault) for path, look in own.items() if look.fault)
            if items:
                findings.append(Finding('unreadable', True, where, 'unreadable images', items))
            if one.value_range is None:
                findings += _dark_findings(own, where)
    return findings


def _dark_findings(looks: dict[str, _Look], where: str) -> list[Finding]:
    highest = {path: look.highest for path, look in looks.items() if look.highest is not None}
    dark = {path: value for path, value in highest.items() if value < DARK}
    if not dark:
        return []
    bits = int(max(dark.values())).bit_length()
    items = tuple(Item((path,), f'highest value {value:,}') for path, value in dark.items())
    what = (
        f'16-bit images of {bits} bits or fewer, which become dark; say '
        f"dict(type='LoadImage', value_range=(0, {2**bits - 1})) in the pipelines"
    )
    return [Finding('bit_depth', 2 * len(dark) > len(highest), where, what, items)]


def _look_at_file(path: str) -> _Look:
    try:
        status = os.stat(path)
    except OSError as error:
        return _Look(error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):
        return _Look('a pipe, socket, device or folder, not a file')
    return _Look('' if status.st_size else 'empty file')


def _try_decoding(path: str) -> _Look:
    look = _look_at_file(path)
    if look.fault:
        return look
    try:
        image = decode_image(path)
    except DatasetError as error:
        # The report names the file and says what to do by itself.
        reason, _, _ = str(error).removeprefix(f'{path}: ').rpartition('; ')
        return _Look(reason)
    if image.values.dtype != np.uint16 or image.white != 65535:
        return look
    return _Look('', int(image.values.max()))


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Keep OpenCV's own complaints about single files out of the progress bar."""
    # OpenCV 5 has them in a module of their own.
    names = cv2 if hasattr(cv2, 'setLogLevel') else cv2.utils.logging
    level = names.getLogLevel()
    names.setLogLevel(_SILENT)
    try:
        yield
    finally:
        names.setLogLevel(level)
