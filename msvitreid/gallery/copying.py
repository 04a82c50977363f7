"""From one gallery to another, in steps of which each is complete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from .checks import check_fingerprint
from .items import CopyReport, Item

if TYPE_CHECKING:
    from .base import GalleryStore


def copy(source: GalleryStore, target: GalleryStore, batch_size: int) -> CopyReport:
    """See :meth:`GalleryStore.copy_to`."""
    check_fingerprint(target.fingerprint, source.fingerprint)
    added = updated = skipped = 0
    is_exact = source.precision == target.precision == 'float32'
    for items in source.scan(batch_size=batch_size):
        there = target.get([item.id for item in items])
        new = [item for item in items if item.id not in there]
        old = [item for item in items if item.id in there]
        changed = [item for item in old if not _is_same(item, there[item.id], is_exact)]
        for group, write in ((new, target.add), (changed, target.update)):
            if group:
                write(
                    [item.id for item in group],
                    np.stack([item.embedding for item in group]),  # type: ignore[misc]
                    [item.metadata for item in group],
                    [item.hash for item in group],
                    # Stored in int8 or float16 elsewhere, lengths are near 1 only.
                    normalize=source.precision != 'float32',
                )
        added, updated = added + len(new), updated + len(changed)
        skipped += len(old) - len(changed)
    return CopyReport(added, updated, skipped)


def _is_same(item: Item, there: Item, is_exact: bool) -> bool:
    # As JSON: in Python True equals 1, in a column it does not.
    metadata, other = (json.dumps(one.metadata, sort_keys=True) for one in (item, there))
    if metadata != other or item.hash != there.hash:
        return False
    if item.hash is not None or is_exact:
        return item.hash is not None or np.array_equal(item.embedding, there.embedding)  # type: ignore[arg-type]
    # The smaller precisions cost less than this.
    return float(item.embedding @ there.embedding) > 1 - 1e-3  # type: ignore[operator]
