"""What a split holds, compared with what the literature says it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any


class About(int):
    """An expected count that is not certain: another one found is only warned of."""


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split.

    As an expectation, ``None`` states nothing. As a finding, ``cameras`` counts the known
    ones (``camid`` -1 is none).
    """

    images: int | None = None
    identities: int | None = None
    cameras: int | None = None

    def __str__(self) -> str:
        return ', '.join(
            f'{getattr(self, field.name):,} {field.name}'
            for field in fields(self)
            if getattr(self, field.name) is not None
        )


def count_entries(entries: Iterable[Mapping[str, Any]]) -> dict[str, SplitStatistics]:
    """Statistics of each split among dataset entries (``pid``, ``camid``, ``split``)."""
    images: dict[str, int] = {}
    pids: dict[str, set[int]] = {}
    camids: dict[str, set[int]] = {}
    for entry in entries:
        split = entry['split']
        images[split] = images.get(split, 0) + 1
        pids.setdefault(split, set()).add(entry['pid'])
        camids.setdefault(split, set()).add(entry['camid'])
    return {
        split: SplitStatistics(images[split], len(pids[split]), len(camids[split] - {-1}))
        for split in images
    }


def separate_cameras(entries: Iterable[Mapping[str, Any]]) -> str:
    """How query and gallery cameras differ, if they have none in common; else ''.

    The Market rule then leaves no image out, as if no camera were known: mostly because the
    cameras of one split are called otherwise, or are missing.
    """
    camids: dict[str, set[int]] = {}
    for entry in entries:
        camids.setdefault(entry['split'], set()).add(entry['camid'])
    if 'query' not in camids or 'gallery' not in camids:
        return ''
    query, gallery = camids['query'] - {-1}, camids['gallery'] - {-1}
    if query & gallery or not query | gallery:
        return ''
    return (
        f'no camera of the queries ({len(query)}) is one of the gallery ({len(gallery)}), so no '
        "gallery image is left out for being of the query's camera"
    )


def differences(found: SplitStatistics, expected: SplitStatistics) -> dict[str, bool]:
    """Counts of a split that differ from the expected ones.

    Returns:
        A phrase such as ``'24 images (expected 12,936)'`` for every differing count,
        mapped to whether the expectation was exact.
    """
    phrases = {}
    for field in fields(expected):
        wanted, got = getattr(expected, field.name), getattr(found, field.name)
        if wanted is not None and got != wanted:
            exact = not isinstance(wanted, About)
            about = '' if exact else 'about '
            phrases[f'{got:,} {field.name} (expected {about}{wanted:,})'] = exact
    return phrases
