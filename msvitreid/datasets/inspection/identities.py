"""Identities and cameras that training or the protocol can do little with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msvitreid.datasets.split_statistics import separate_cameras

from .contents import Contents
from .findings import Finding, Item


def scarce_identity_findings(contents: Contents) -> list[Finding]:
    """Training identities with one image, or with one camera: information.

    They make no positive pair, or none across cameras.
    """
    single, one_camera = scarce_identities(contents.splits.get('train', []))
    return [
        Finding(kind, False, f'{contents.name} train', what, items)
        for kind, what, items in (
            ('single_image', 'identities with one image', single),
            (
                'single_camera',
                'identities with several images from one camera only',
                one_camera,
            ),
        )
        if items
    ]


def scarce_identities(
    entries: Iterable[dict[str, Any]],
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Identities with one image, and those with several images from one known camera."""
    images = _by_pid(entries)
    single, one_camera = [], []
    for _, own in sorted(images.items()):
        camids = {entry['camid'] for entry in own}
        if len(own) == 1:
            single.append(Item((own[0]['img_path'],), _identity(own[0])))
        elif len(camids) == 1 and camids != {-1}:
            one_camera.append(Item((), _name(own[0])))
    return tuple(single), tuple(one_camera)


def shared_identity_findings(contents: Contents) -> list[Finding]:
    """Identities that are trained on and tested with: a fault."""
    if contents.numbers_splits_apart:
        return []
    train, test = _by_pid(contents.train), _by_pid(contents.test)
    items = tuple(
        Item((train[pid][0]['img_path'], test[pid][0]['img_path']), _identity(train[pid][0]))
        for pid in sorted(train.keys() & test.keys())
    )
    what = 'identities in both train and test'
    return [Finding('shared_identity', True, contents.name, what, items)] if items else []


def unmatched_query_findings(contents: Contents) -> list[Finding]:
    """Queries that the protocol leaves nothing to find: a fault.

    A match is a gallery image of the same identity that is not of the same known camera, and
    a query without one is left out of the figures; in self-retrieval it is another image of
    the same class, and an image without one counts as a miss. Where the gallery is drawn, an
    identity with one image is never a query: information.
    """
    queries = contents.splits.get('query', [])
    found = _by_pid(
        queries if contents.is_self_retrieval else contents.splits.get('gallery', ())
    )
    if not found:
        return []
    items = tuple(
        Item((query['img_path'],), _name(query))
        for query in queries
        if not any(_is_match(query, image) for image in found.get(query['pid'], ()))
    )
    is_drawn = contents.draws_gallery
    where = f'{contents.name} query'
    what = 'images never drawn as a query' if is_drawn else 'queries without a match'
    return [Finding('unmatched_query', not is_drawn, where, what, items)] if items else []


def separate_camera_findings(contents: Contents) -> list[Finding]:
    """Query and gallery without a camera in common, so that the Market rule is off: a fault."""
    apart = separate_cameras(contents.test)
    if not apart:
        return []
    where, what = contents.name, 'query and gallery share no camera'
    return [Finding('separate_cameras', True, where, what, (Item((), apart),))]


def _is_match(query: dict[str, Any], image: dict[str, Any]) -> bool:
    if image['img_path'] == query['img_path']:
        return False
    return query['camid'] == -1 or image['camid'] != query['camid']


def _name(entry: dict[str, Any]) -> str:
    camera = '' if entry['camid'] == -1 else f', camera {entry["camid_name"]}'
    return f'{_identity(entry)}{camera}'


def _identity(entry: dict[str, Any]) -> str:
    return f'identity {entry["pid_name"]}'


def _by_pid(entries: Iterable[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    images: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        images.setdefault(entry['pid'], []).append(entry)
    return images
