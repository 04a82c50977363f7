"""Bringing a gallery up to date with image files; stopped at any moment, it is continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from msvitreid.apis.image_stream import progress_bar
from msvitreid.apis.inferencer import OnError, ReIDInferencer
from msvitreid.apis.shares import embed_in_shares
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.gallery import GalleryStore, Item
from msvitreid.utils.checks import require_whole
from msvitreid.utils.cpus import available_cpus
from msvitreid.utils.printable import counted, printable

from .files import ImageFile, ListedImages, content_hash
from .model_gallery import require_same_model

COMMIT_EVERY = 512
"""Images that a killed process loses at most."""


@dataclass
class IndexReport:
    """What became of the images.

    Attributes:
        added: new images.
        updated: images whose content had changed.
        described: unchanged images of which the metadata or the path changed.
        skipped: images that were in the gallery as they are.
        failed: what cannot be read or embedded: path to reason. If the gallery held an image
            from before, it still does.
        missing: ids below the given folders whose image is not there any more.
        removed: how many of them were removed from the gallery.
    """

    added: int = 0
    updated: int = 0
    described: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    removed: int = 0

    @property
    def text(self) -> str:
        """One line, without what failed."""
        parts = [
            f'{counted(self.added, "image")} added',
            f'{self.updated:,} updated',
            f'{self.described:,} with other metadata',
            f'{self.skipped:,} unchanged',
            f'{len(self.failed):,} failed',
            f'{len(self.missing):,} missing'
            + (f' ({self.removed:,} removed)' * bool(self.removed)),
        ]
        return ', '.join(parts)


class _Plan(NamedTuple):
    """What is to be done about some images: all of them by id."""

    hashes: dict[str, str]
    metadata: dict[str, dict[str, Any]]
    new: list[ImageFile]
    changed: list[ImageFile]
    described: list[str]


def index_images(
    gallery: GalleryStore | None,
    inferencer: ReIDInferencer,
    listed: ListedImages,
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    prune: bool = False,
    on_error: OnError = 'skip',
    batch_size: int = 32,
    commit_every: int = COMMIT_EVERY,
    progress: bool | None = None,
) -> IndexReport:
    """Add the images that a gallery lacks and update those whose files have changed.

    An image whose SHA-256 the gallery has is not embedded again, so that a process that was
    stopped or killed is continued by the same call; it loses the last ``commit_every`` images
    at most. Under ``torchrun`` all processes call this and each embeds its share; the first one
    reads and writes the gallery.

    Args:
        gallery: opened for writing; of this model. None in the processes after the first.
        inferencer: computes the embeddings.
        listed: the images.
        metadata: columns of an image by its id; they go over the columns that an item has, and
            None removes one. The column ``path`` is always the image's whole path.
        prune: remove items that are ``missing``.
        on_error: ``'skip'`` lists images that cannot be embedded in ``failed``; with
            ``'raise'`` the first one ends the call, and what was committed stays.
        batch_size: images computed together.
        commit_every: images after which the gallery is written.
        progress: show a bar with the time left; None does on a terminal.

    Raises:
        GalleryError: the gallery is of another model.
        DatasetError: an image cannot be used and ``on_error`` is ``'raise'``.
        OutputError: the gallery cannot be written.
    """
    require_whole('commit_every', commit_every, 1)
    require_whole('batch_size', batch_size, 1)
    if on_error not in ('raise', 'skip'):
        raise ConfigError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    if gallery is not None:
        require_same_model(gallery, inferencer.fingerprint)
    report = IndexReport(failed=dict(listed.failed))
    if report.failed and on_error == 'raise':
        path, reason = next(iter(report.failed.items()))
        raise DatasetError(f'{printable(path)}: {reason}')
    with progress_bar(False if gallery is None else progress, len(listed.files)) as advance:
        for start in range(0, len(listed.files), commit_every):
            files = listed.files[start : start + commit_every]
            plan = None
            if gallery is not None:
                plan = _plan(gallery, files, metadata or {}, report.failed, on_error)
            paths = [image.path for image in (*plan.new, *plan.changed)] if plan else []
            found = embed_in_shares(
                inferencer, paths, batch_size, on_error=on_error, progress=False
            )
            report.failed.update(found.failed)
            if gallery is not None and plan is not None:
                rows = dict(zip(found.paths, found.embeddings, strict=True))
                _write(gallery, plan, rows, report)
            advance(len(files))
    if gallery is not None:
        report.missing = _missing(gallery, listed)
        for start in range(0, len(report.missing) if prune else 0, commit_every):
            gone = report.missing[start : start + commit_every]
            gallery.remove(gone)
            report.removed += len(gone)
    return report


def _plan(
    gallery: GalleryStore,
    files: Sequence[ImageFile],
    given: Mapping[str, Mapping[str, Any]],
    failed: dict[str, str],
    on_error: OnError,
) -> _Plan:
    there = gallery.get([image.id for image in files], embeddings=False)
    plan = _Plan({}, {}, [], [], [])
    for image, hash_ in zip(files, _hashes(files), strict=True):
        if isinstance(hash_, DatasetError):
            if on_error == 'raise':
                raise hash_
            failed[image.path] = str(hash_)
            continue
        plan.hashes[image.id] = hash_
        old = there.get(image.id)
        columns = {**(old.metadata if old else {}), **given.get(image.id, {})}
        columns['path'] = image.path
        plan.metadata[image.id] = {
            name: value for name, value in columns.items() if value is not None
        }
        if old is None:
            plan.new.append(image)
        elif old.hash != hash_:
            plan.changed.append(image)
        elif not _equal(old, plan.metadata[image.id]):
            plan.described.append(image.id)
    return plan


def _equal(item: Item, metadata: Mapping[str, Any]) -> bool:
    # In Python 1 equals True and 1.0, in a column it does not.
    return json.dumps(item.metadata, sort_keys=True) == json.dumps(metadata, sort_keys=True)


def _hashes(files: Sequence[ImageFile]) -> Iterator[str | DatasetError]:
    def hash_or_error(image: ImageFile) -> str | DatasetError:
        try:
            return content_hash(image.path)
        except DatasetError as error:
            return error

    with ThreadPoolExecutor(available_cpus()) as pool:
        yield from pool.map(hash_or_error, files)


def _write(
    gallery: GalleryStore, plan: _Plan, found: Mapping[str, np.ndarray], report: IndexReport
) -> None:
    new, changed = (
        [image for image in images if image.path in found]
        for images in (plan.new, plan.changed)
    )
    for images, write in ((new, gallery.add), (changed, gallery.update)):
        if images:
            write(
                [image.id for image in images],
                np.stack([found[image.path] for image in images]),
                [plan.metadata[image.id] for image in images],
                [plan.hashes[image.id] for image in images],
                # A net in half precision gives lengths that are near 1 only.
                normalize=True,
            )
    if plan.described:
        gallery.update(plan.described, metadata=[plan.metadata[id_] for id_ in plan.described])
    report.added += len(new)
    report.updated += len(changed)
    report.described += len(plan.described)
    tried = len(plan.new) + len(plan.changed) + len(plan.described)
    report.skipped += len(plan.hashes) - tried


def _missing(gallery: GalleryStore, listed: ListedImages) -> list[str]:
    """Ids of images of the given folders that are not there any more."""
    if not listed.folders:
        return []
    there = {image.id for image in listed.files}
    return [
        item.id
        for items in gallery.scan(embeddings=False)
        for item in items
        if item.id not in there and _is_below(item.metadata.get('path'), listed.folders)
    ]


def _is_below(path: object, folders: Sequence[str]) -> bool:
    return isinstance(path, str) and any(
        path.startswith(os.path.join(folder, '')) for folder in folders
    )
