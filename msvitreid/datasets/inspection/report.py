"""What was found, for people and for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from msvitreid.datasets.split_statistics import About, SplitStatistics, count_entries
from msvitreid.utils.printable import aligned, escaped, printable

from .contents import Contents
from .findings import Finding, Item
from .identities import scarce_identities

COUNTS = tuple(field.name for field in fields(SplitStatistics))
SHOWN = 5
# Characters of a camera's name in the table.
NAME_LENGTH = 40


def as_text(contents: Sequence[Contents], findings: Sequence[Finding]) -> str:
    """A table per dataset, then faults, then information, the first few cases of each.

    Names are on one line and without control characters, and long ones end in dots.
    """
    lines: list[str] = []
    for one in contents:
        table = aligned([*_rows(one)], text=True, indent='  ')
        lines += [escaped(f'{one.name} in {one.root}'), '', table, '']
    roots = {one.root for one in contents}
    # Below a single root, paths are given from there.
    prefix = f'{roots.pop()}{os.sep}' if len(roots) == 1 else ''
    faults = [finding for finding in findings if finding.is_fault]
    others = [finding for finding in findings if not finding.is_fault]
    for title, group in (('FAULTS', faults), ('FOR INFORMATION', others)):
        if group:
            cases = (line for finding in group for line in _cases(finding, prefix))
            lines += [title, *(f'  {line}' for line in cases), '']
    noun = 'fault' if len(faults) == 1 else 'faults'
    lines.append(f'differs: {len(faults)} {noun}' if faults else 'ok: no faults')
    return '\n'.join(lines)


def as_json(contents: Sequence[Contents], findings: Sequence[Finding]) -> str:
    """Everything, with all cases of every finding and all names whole."""
    report = {
        'ok': not any(finding.is_fault for finding in findings),
        'datasets': [
            {
                'name': one.name,
                'root': str(one.root),
                'splits': {split: _split_as_json(one, split) for split in one.splits},
            }
            for one in contents
        ],
        'findings': [
            {
                'kind': finding.kind,
                'fault': finding.is_fault,
                'where': finding.where,
                'what': finding.what,
                'items': [{'paths': item.paths, 'note': item.note} for item in finding.items],
            }
            for finding in findings
        ],
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + '\n'
    # File names that are no UTF-8 have lone surrogates, which JSON can only escape.
    return text.encode(errors='backslashreplace').decode()


def _rows(contents: Contents) -> Iterator[tuple[str, ...]]:
    yield ('split', *COUNTS, 'camera ids', 'ids with 1 image', 'with 1 camera')
    for split, entries in contents.splits.items():
        found = count_entries(entries)[split]
        expected = contents.expected.get(split, SplitStatistics())
        counts = (_count(getattr(found, c), getattr(expected, c)) for c in COUNTS)
        single, one_camera = scarce_identities(entries)
        yield (
            split,
            *counts,
            _cameras(entries) or 'unknown',
            f'{len(single):,}',
            f'{len(one_camera):,}' if found.cameras else '-',
        )


def _count(found: int, expected: int | None) -> str:
    state = _state(found, expected)
    if state in (None, 'ok'):
        return f'{found:,} {state or ""}'.rstrip()
    return f'{found:,} {state}{" from" if state == "differs" else ""} {expected:,}'


def _state(found: int, expected: int | None) -> str | None:
    """'ok', 'differs', or 'about' where the expected count is not certain."""
    if expected is None:
        return None
    if found == expected:
        return 'ok'
    return 'about' if isinstance(expected, About) else 'differs'


def _split_as_json(contents: Contents, split: str) -> dict[str, Any]:
    entries = contents.splits[split]
    found = count_entries(entries)[split]
    expected = contents.expected.get(split, SplitStatistics())
    single, one_camera = scarce_identities(entries)
    counts = {
        count: {
            'found': getattr(found, count),
            'expected': getattr(expected, count),
            'state': _state(getattr(found, count), getattr(expected, count)),
        }
        for count in COUNTS
    }
    return {
        **counts,
        'camera_ids': _camids(entries),
        'camera_names': list(_camera_names(entries).values()),
        'identities_with_one_image': len(single),
        'identities_with_one_camera': len(one_camera),
    }


def _camids(entries: Sequence[dict[str, Any]]) -> list[int]:
    return sorted({entry['camid'] for entry in entries} - {-1})


def _camera_names(entries: Sequence[dict[str, Any]]) -> dict[int, str]:
    names = {entry['camid']: entry['camid_name'] for entry in entries}
    return {camid: names[camid] for camid in _camids(entries)}


def _cameras(entries: Sequence[dict[str, Any]]) -> str:
    """What the cameras are called, in short, saying so."""
    names = _camera_names(entries)
    if all(name == str(camid) for camid, name in names.items()):
        return _ranges(list(names))
    shown = [printable(name, NAME_LENGTH) for name in [*names.values()][:SHOWN]]
    more = f' and {len(names) - SHOWN:,} more (all are in --json)' if len(names) > SHOWN else ''
    return ', '.join(shown) + more


def _ranges(numbers: Sequence[int]) -> str:
    """Sorted numbers in short: '1-6, 8'."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ', '.join(f'{r[0]}-{r[-1]}' if len(r) > 1 else str(r[0]) for r in runs)


def _cases(finding: Finding, prefix: str) -> Iterator[str]:
    yield escaped(str(finding))
    for paths, note in finding.items[:SHOWN]:
        short = tuple(escaped(path.removeprefix(prefix)) for path in paths)
        yield f'    {Item(short, printable(note))}'
    if len(finding.items) > SHOWN:
        yield f'    and {len(finding.items) - SHOWN:,} more (all are in --json)'
