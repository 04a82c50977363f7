"""Groups of similar images, proposed as identities for a person to confirm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from msvitreid.apis.clustering import cluster_gallery
from msvitreid.gallery import GalleryStore

from .entries import Image
from .state import ReviewState


def find_groups(
    gallery: GalleryStore, threshold: float, report: Callable[[float], None]
) -> list[list[str]]:
    """Ids of each cluster of two images or more, the largest first.

    Args:
        gallery: see :func:`~msvitreid.apis.clustering.cluster_gallery`.
        threshold: smallest similarity of images that are joined.
        report: takes the share of the work that is done.
    """
    found = cluster_gallery(gallery, threshold, progress=report)
    groups: dict[int, list[str]] = defaultdict(list)
    for id_, label in zip(found.ids, found.clusters.labels.tolist(), strict=True):
        groups[label].append(id_)
    return _sorted(ids for ids in groups.values() if len(ids) > 1)


def open_groups(
    groups: Sequence[Sequence[str]],
    state: ReviewState,
    gallery: GalleryStore,
    threshold: float,
) -> list[list[str]]:
    """What of the groups is not decided yet, the largest first.

    Left out are images that were set aside, groups that were rejected, and those that are one
    identity already. A group with images that are marked as different is taken apart, so that
    no two of them are proposed together.
    """
    found = []
    for ids in groups:
        kept = [id_ for id_ in ids if id_ not in state.asides]
        for part in _without_negatives(kept, state, gallery, threshold):
            roots = {state.root(Image('gallery', id_)) for id_ in part}
            if len(roots) > 1 and Image.of_group(part).name not in state.rejected:
                found.append(part)
    return _sorted(found)


def _without_negatives(
    ids: list[str], state: ReviewState, gallery: GalleryStore, threshold: float
) -> Iterator[list[str]]:
    parts: dict[Image, set[Image]] = {}
    members: dict[Image, list[str]] = defaultdict(list)
    for id_ in ids:
        root = state.root(Image('gallery', id_))
        members[root].append(id_)
        parts[root] = {root}
    if not state.has_different(parts):
        yield ids
        return
    items = gallery.get(ids)
    known = [id_ for id_ in ids if id_ in items]
    unit = np.stack([items[id_].embedding for id_ in known])  # type: ignore[misc]
    left, right = np.triu_indices(len(known), 1)
    similarity = (unit @ unit.T)[left, right]
    order = np.argsort(-similarity, kind='stable')
    order = order[similarity[order] >= threshold]
    for one, other in zip(left[order].tolist(), right[order].tolist(), strict=True):
        first, second = (
            parts[state.root(Image('gallery', known[place]))] for place in (one, other)
        )
        if first is second or any(state.between(a, b) for a in first for b in second):
            continue
        first |= second
        for root in second:
            parts[root] = first
    for part in {id(one): one for one in parts.values()}.values():
        yield sorted(id_ for root in part for id_ in members[root])


def _sorted(groups: Iterator[list[str]] | Sequence[list[str]]) -> list[list[str]]:
    return sorted(groups, key=lambda ids: (-len(ids), ids))
