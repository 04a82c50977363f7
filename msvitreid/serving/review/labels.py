"""Identities of a gallery's images by marks and by what the gallery records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msvitreid.datasets.readers.spellings import named

from .entries import Image
from .state import ReviewState

PID = 'pid'
"""The column of the gallery with recorded identities, which is never written."""


def recorded_pid(metadata: Mapping[str, Any]) -> str | None:
    """The identity that the gallery records for an image, if any."""
    value = metadata.get(PID)
    return None if isinstance(value, list | dict | bool) else named(value) or None


def labels(state: ReviewState, recorded: Iterable[tuple[str, str | None]]) -> dict[str, int]:
    """A number of the identity of each image that has one.

    Images have one identity if marks join them or the gallery records the same one, directly or
    through others; a recorded one that was noted as wrong does not count.

    Args:
        state: what holds.
        recorded: ids with their recorded identities.
    """
    parents: dict[object, object] = {}

    def root(node: object) -> object:
        parents.setdefault(node, node)
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    known: list[str] = []
    for id_, pid in recorded:
        identity = state.identity_of(Image('gallery', id_))
        has_pid = pid is not None and id_ not in state.detached
        if not has_pid and len(identity.images) < 2 and not identity.name:
            continue
        known.append(id_)
        parents[root(Image('gallery', id_))] = root(identity.anchor)
        if has_pid:
            parents[root(Image('gallery', id_))] = root(('pid', pid))
    numbers: dict[object, int] = {}
    return {id_: numbers.setdefault(root(Image('gallery', id_)), len(numbers)) for id_ in known}
