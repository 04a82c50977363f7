"""Searching a gallery by images, and the picture of what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from msvitreid.apis.inferencer import ReIDInferencer
from msvitreid.errors import ConfigError, DatasetError, GalleryError
from msvitreid.gallery import GalleryStore
from msvitreid.gallery.where import check_column
from msvitreid.utils.files import require_suffix
from msvitreid.utils.printable import failure, printable

from .conditions import require_columns
from .files import content_hash, image_path, image_paths
from .model_gallery import require_same_model

PICTURES = ('.jpg', '.jpeg', '.png')
MOST_ROWS, MOST_COLUMNS = 50, 20


@dataclass(frozen=True, eq=False)
class ImageSearch:
    """What was found for each query, in their order.

    Attributes:
        queries: paths of images, or ids of the gallery.
        paths: where the image of each query is, or None if that is unknown.
        columns: what is known of each query: its metadata.
        ids: of the hits of each query, best first.
        similarities: float32 cosines, in the order of ``ids``.
        metadata: of the hits, in the order of ``ids``.
        exactness: 'exact', or what was searched instead and its measured recall.
        failed: queries that could not be embedded: path to reason.
    """

    queries: list[str]
    paths: list[str | None]
    columns: list[dict[str, Any]]
    ids: list[list[str]]
    similarities: list[np.ndarray]
    metadata: list[list[dict[str, Any]]]
    exactness: str
    failed: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> list[dict[str, Any]]:
        """The hits of each query as JSON values."""
        return [
            {
                'query': query,
                'hits': [
                    {'id': id_, 'similarity': float(similarity), 'metadata': metadata}
                    for id_, similarity, metadata in zip(*hits, strict=True)
                ],
            }
            for query, *hits in zip(
                self.queries, self.ids, self.similarities, self.metadata, strict=True
            )
        ]


def search_images(
    gallery: GalleryStore,
    inferencer: ReIDInferencer | None,
    queries: Sequence[str | os.PathLike[str]] = (),
    ids: Sequence[str] = (),
    *,
    exclude_same: Sequence[str] = (),
    patterns: Mapping[str, str | None] | None = None,
    batch_size: int = 32,
    **options: Any,
) -> ImageSearch:
    """Search a gallery by image files, and by images that it holds.

    Args:
        gallery: to search.
        inferencer: of the gallery's model; None if there are only ``ids``.
        queries: image files, folders, patterns and lists; see :func:`list_image_files`.
        ids: of items, which are searched without themselves.
        exclude_same: columns of which hits must not have the query's value, such as
            ``camera``, or ``hash`` for copies of the same file. An item's are its metadata; an
            image file has those that ``patterns`` find.
        patterns: regular expressions that find the columns of image files in their paths.
        batch_size: images computed together.
        options: of :meth:`GalleryStore.search`.

    Raises:
        GalleryError: the gallery is of another model, an id is not in it, or an option is wrong.
        ConfigError: a column of a query is not known.
        DatasetError: no query can be embedded.
    """
    from .metadata import texts_from

    names: list[str] = []
    paths: list[str | None] = []
    columns: list[dict[str, Any]] = []
    vectors = [np.zeros((0, gallery.dimension), np.float32)]
    failed: dict[str, str] = {}
    if queries:
        if inferencer is None:
            raise ConfigError('queries that are image files need a model')
        require_same_model(gallery, inferencer.fingerprint)
        found = inferencer.embed(image_paths(queries), batch_size, on_error='skip')
        failed = found.failed
        if not len(found):
            raise DatasetError(failure(*next(iter(failed.items()))))
        names, paths, vectors = list(found.paths), list(found.paths), [found.embeddings]
        columns = [{} for _ in names]
        for column, pattern in (patterns or {}).items():
            if pattern is not None:
                for own, value in zip(columns, texts_from(pattern, names, column), strict=True):
                    own.update({column: value} if value is not None else {})
        if 'hash' in exclude_same:
            for own, name in zip(columns, names, strict=True):
                own['hash'] = content_hash(name)
    items = gallery.get(ids)
    for id_ in ids:
        if id_ not in items:
            raise GalleryError(f'the id {printable(id_)!r} is not in the gallery')
        item = items[id_]
        names.append(id_)
        paths.append(image_path(id_, item.metadata))
        own = {'hash': item.hash} if item.hash else {}
        columns.append({**item.metadata, **own, 'id': id_})
        vectors.append(item.embedding[None])  # type: ignore[index]
    grouped = options.get('group_by')
    for column in [*exclude_same, *([] if grouped is None else [grouped])]:
        check_column(column)
    require_columns(gallery, exclude_same if grouped is None else [*exclude_same, grouped])
    for column in exclude_same:
        for name, known in zip(names, columns, strict=True):
            if known.get(column) is None:
                raise ConfigError(
                    f'the {column} of the query {printable(name)!r} is not known; give a pattern '
                    f'that finds it in the path (--{column}-from), or leave out --exclude-same'
                )
    exclude: dict[str, list[Any]] = {
        column: [known[column] for known in columns] for column in exclude_same
    }
    exclude['id'] = [known.get('id') for known in columns]
    found_hits = gallery.search(
        np.concatenate(vectors), exclude=exclude, normalize=True, **options
    )
    if options.get('where') and not any(found_hits.ids):
        require_columns(gallery, options['where'])
    return ImageSearch(
        names,
        paths,
        columns,
        found_hits.ids,
        found_hits.similarities,
        found_hits.metadata,
        found_hits.exactness,
        failed,
    )


def draw_search(
    search: ImageSearch, out: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> list[str]:
    """Draw queries and their hits, best first, to a picture: at most 50 rows of 20 hits.

    A hit with the query's ``pid`` is framed green, one with another red, and gray where one of
    them has none. An image that is missing or cannot be read is a gray tile with its name.

    Args:
        search: with at least one query.
        out: the picture; its folder is made.
        root: folder that ids are relative to, if the images are not where they were when they
            were added.

    Returns:
        Names of the images that could not be drawn.

    Raises:
        ConfigError: ``out`` is no name of a picture.
        OutputError: the picture cannot be written.
    """
    from msvitreid.visualization import draw_ranking_lists
    from msvitreid.visualization.style import save

    require_suffix(out, PICTURES)
    count = min(len(search.queries), MOST_ROWS)
    width = min(max([1, *map(len, search.ids)]), MOST_COLUMNS)
    matches = np.full((count, width), -1)
    similarity = np.zeros(matches.shape)
    names: list[str] = []
    paths: list[str | None] = []
    pids: list[Any] = []
    found = zip(search.ids, search.similarities, search.metadata, strict=True)
    for row, hits in enumerate(islice(found, count)):
        for column, (id_, value, metadata) in enumerate(islice(zip(*hits, strict=True), width)):
            matches[row, column], similarity[row, column] = len(names), value
            names.append(id_)
            paths.append(image_path(id_, metadata, root))
            pids.append(metadata.get('pid'))
    queries = [
        image_path(own['id'], own, root) if 'id' in own else path
        for own, path in zip(search.columns, search.paths, strict=True)
    ]
    missing: list[str] = []
    shown = [path or name for path, name in zip(queries, search.queries, strict=True)]
    picture = draw_ranking_lists(
        shown[:count],
        [path or name for path, name in zip(paths, names, strict=True)],
        matches,
        [own.get('pid') for own in search.columns[:count]],
        pids,
        similarity,
        missing=missing,
    )
    save(picture, out)
    return missing
