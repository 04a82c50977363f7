from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msvitreid.datasets.layouts.market_style import JUNK_PID, MARKET_NAME
from msvitreid.datasets.left_out import CLUTTER_FILES, is_clutter
from msvitreid.datasets.readers.image_kinds import advice, is_image_name

from .contents import Contents
from .findings import Finding, Item


def left_out_findings(contents: Contents) -> list[Finding]:
    """Files that lie where images are read and could be ones, and are not read: a fault."""
    findings = []
    for what, paths in sorted(contents.left_out.items()):
        suffix = what.removesuffix(' files')
        hint = f'; {advice(suffix)}' if suffix.startswith('.') else ''
        items = tuple(Item((path,), '') for path in sorted(paths))
        findings.append(
            Finding('left_out', True, contents.name, f'not read: {what}{hint}', items)
        )
    return findings


def stray_findings(contents: Sequence[Contents]) -> list[Finding]:
    """Other files below a dataset's folder that are passed over, and why: information.

    Files that are no images count where images are read only: lists and notes lie next to them.
    Hidden folders and ``__MACOSX`` are one item each.
    """
    read_of: dict[Path, set[str]] = defaultdict(set)
    known: dict[Path, set[str]] = defaultdict(set)
    names: dict[Path, str] = {}
    for one in contents:
        read_of[one.root] |= {entry['img_path'] for entry in (*one.train, *one.test)}
        known[one.root].update(*one.left_out.values())
        names.setdefault(one.root, one.name)
    findings = []
    for root, read in read_of.items():
        by_reason = defaultdict(list)
        for path, reason in _strays(root, read):
            if path not in known[root]:
                by_reason[reason].append(Item((path,), ''))
        findings += [
            Finding('stray', False, names[root], f'passed over: {reason}', tuple(sorted(items)))
            for reason, items in sorted(by_reason.items())
        ]
    return findings


def _strays(root: Path, read: set[str]) -> Iterator[tuple[str, str]]:
    read_folders = {os.path.dirname(path) for path in read}
    for folder, names, folders in _walk(root, read_folders):
        for name in folders:
            yield os.path.join(folder, name), _folder_reason(name)
        for name in names:
            path = os.path.join(folder, name)
            reason = '' if path in read else _reason(name, folder in read_folders)
            if reason:
                yield path, reason


def _walk(
    root: Path, read_folders: Iterable[str]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Folder, its files and its folders that are not looked into; links are not followed.

    A folder that is read is looked at all the same, wherever a link or a list puts it.
    """
    seen = set()
    for start in (str(root), *sorted(read_folders)):
        for folder, folders, names in os.walk(start):
            if folder in seen:
                folders.clear()
                continue
            seen.add(folder)
            shut = [name for name in folders if _folder_reason(name)]
            folders[:] = [name for name in folders if name not in shut]
            yield folder, names, shut


def _folder_reason(name: str) -> str:
    if name.startswith('.'):
        return 'hidden folder'
    return f'folder {name}' if is_clutter(name) else ''


def _reason(name: str, in_read_folder: bool) -> str:
    """Why a file that is not in the dataset is passed over; '' if it is not of interest."""
    if name.startswith('.'):
        return 'hidden file'
    if name.lower() in CLUTTER_FILES:
        return 'left by a desktop'
    if not is_image_name(name):
        return 'not an image suffix' if in_read_folder else ''
    if not in_read_folder:
        return 'image in a folder that is not read'
    match = MARKET_NAME.match(name)
    return (
        'junk, pid -1'
        if match and int(match[1]) == JUNK_PID
        else 'image on no list that is read'
    )
