"""Groups of similar images, proposed as identities for a person to confirm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from msvitreid.apis.clustering import cluster_gallery
from msvitreid.gallery import GalleryStore

from .entries import Image
from .state import ReviewState

MOST_IMAGES = 5000
"""Of a group that is proposed: more can neither be looked at nor confirmed."""


PAIRS = 2**17
"""Of images, that are looked at together."""


@dataclass(eq=False)
class _Part:
    """Identities that are proposed together, and those that one of them differs from."""

    roots: set[Image]
    others: set[Image]


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

    Left out are images that were set aside, groups that were rejected, those that are one
    identity already, and those of more than 5,000 images. A group with images that are marked
    as different is taken apart, so that no two of them are proposed together.
    """
    found = []
    for ids in groups:
        kept = [id_ for id_ in ids if id_ not in state.asides]
        if len(kept) > MOST_IMAGES:
            continue
        for part in _without_negatives(kept, state, gallery, threshold):
            roots = {state.root(Image('gallery', id_)) for id_ in part}
            if len(roots) > 1 and Image.of_group(part).name not in state.rejected:
                found.append(part)
    return _sorted(found)


def _without_negatives(
    ids: list[str], state: ReviewState, gallery: GalleryStore, threshold: float
) -> Iterator[list[str]]:
    root_of = {id_: state.root(Image('gallery', id_)) for id_ in ids}
    members: dict[Image, list[str]] = defaultdict(list)
    for id_, root in root_of.items():
        members[root].append(id_)
    parts = [_Part({root}, state.different_roots(root)) for root in members]
    if not state.has_different(members):
        yield ids
        return
    items = gallery.get(ids)
    known = [id_ for id_ in ids if id_ in items]
    unit = np.stack([items[id_].embedding for id_ in known])  # type: ignore[misc]
    place_of = {root: place for place, root in enumerate(members)}
    part_of = np.array([place_of[root_of[id_]] for id_ in known], np.int64)
    left, right = (one.astype(np.int32) for one in np.triu_indices(len(known), 1))
    similarity = (unit @ unit.T)[left, right]
    order = np.flatnonzero(similarity >= threshold)
    order = order[np.argsort(-similarity[order], kind='stable')]
    for start in range(0, len(order), PAIRS):
        chosen = order[start : start + PAIRS]
        # Of the pairs of two parts the first decides, as parts that differ go on to.
        ones, others = part_of[left[chosen]], part_of[right[chosen]]
        codes = np.minimum(ones, others) * len(parts) + np.maximum(ones, others)
        _, firsts = np.unique(codes, return_index=True)
        firsts = np.sort(firsts[ones[firsts] != others[firsts]])
        for one, other in zip(left[chosen[firsts]], right[chosen[firsts]], strict=True):
            first, second = parts[part_of[one]], parts[part_of[other]]
            if first is second or not first.others.isdisjoint(second.roots):
                continue
            first.roots |= second.roots
            first.others |= second.others
            part_of[part_of == part_of[other]] = part_of[one]
            second.roots = set()
    for part in parts:
        if part.roots:
            yield sorted(id_ for root in part.roots for id_ in members[root])


def _sorted(groups: Iterator[list[str]] | Sequence[list[str]]) -> list[list[str]]:
    return sorted(groups, key=lambda ids: (-len(ids), ids))
