from __future__ import annotations

import numpy as np

from msvitreid.errors import DatasetError

from .embeddings import NO_FILE, Embeddings


def one_gallery_of_all(images: Embeddings) -> tuple[np.ndarray, np.ndarray]:
    """What queries search in self-retrieval, and where each of them is in it.

    Images of one path are one image; of those the gallery's counts, then the first.

    Args:
        images: of one test set.

    Returns:
        ``(N,)`` booleans, the images that are searched; ``(Q,)`` the index of each query's own
        image among them.

    Raises:
        DatasetError: paths are needed, as there are images of split 'gallery', and one is
            missing; or images of one path are of different identities.
    """
    known = images.files != NO_FILE
    if not known.all() and not images.is_query.all():
        raise DatasetError(
            "ReIDMetric: self_retrieval has to know which images of split 'query' and "
            "'gallery' are the same, but some have no img_path: add it to the meta_keys of "
            'PackReIDInputs'
        )
    count = len(images.files)
    # An unknown file is unlike any other.
    files = np.where(known, images.files, np.arange(count) - count)
    files = np.stack([files, known], axis=1)
    order = np.argsort(images.is_query, kind='stable')
    _, first, image = np.unique(files[order], axis=0, return_index=True, return_inverse=True)
    representative = order[first]
    of_each = np.empty(count, dtype=np.int64)
    of_each[order] = representative[image.reshape(-1)]
    differing = np.flatnonzero(images.pids != images.pids[of_each])
    if len(differing):
        i = int(differing[0])
        raise DatasetError(
            f'ReIDMetric: the images at sample_idx {images.sample_idx[of_each[i]]} and '
            f'{images.sample_idx[i]} have one path, but pids {images.pids[of_each[i]]} and '
            f'{images.pids[i]}'
        )
    pool = np.zeros(count, dtype=bool)
    pool[representative] = True
    place = np.cumsum(pool) - 1
    return pool, place[of_each][images.is_query]
