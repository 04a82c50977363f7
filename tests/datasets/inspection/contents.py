"""Contents without files behind them."""

from __future__ import annotations

import itertools
from pathlib import Path

from msvitreid.datasets.inspection import Contents

ROOT = Path('/data')
_NUMBERS = itertools.count(1)


def entry(split: str, pid: int, camid: int = -1, path: str | None = None) -> dict:
    name = path or f'{ROOT}/{next(_NUMBERS):06d}.jpg'
    names = {'pid_name': str(pid), 'camid_name': str(camid)}
    return {'img_path': name, 'pid': pid, 'camid': camid, 'split': split, **names}


def contents(
    entries: list[dict], kind: str = 'Market1501', root: Path = ROOT, **more: bool
) -> Contents:
    splits: dict[str, list[dict]] = {}
    for one in entries:
        splits.setdefault(one['split'], []).append(one)
    return Contents(kind, kind, root, splits, {}, True, train=splits.get('train', []), **more)
