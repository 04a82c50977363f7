from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .inner_products import check_similarities, inner_products
from .inputs import Array, Labels, as_feature_pair, as_labels, as_topk, check_range, check_whole
from .match_ranks import match_ranks
from .row_ranges import QUERY_CHUNK
from .same_label_pairs import SameLabelPairs


def recall_at_k(
    features: Array,
    pids: Labels,
    topk: Sequence[int] = (1, 2, 4, 8),
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    query_chunk: int = QUERY_CHUNK,
) -> dict[str, float]:
    """Share of images with an image of their class among the ``k`` most similar.

    Without a gallery every image searches all the others (the protocol of Cars196,
    CUB-200-2011 and SOP): the image itself is left out by its index, so that exact
    duplicates of it stay. Similarity is the inner product of the features as given;
    of equally similar images the lower index comes first. An image whose class has
    no other image counts as a miss, as is standard.

    Args:
        features: ``(N, D)``.
        pids: ``(N,)`` classes.
        topk: the values of k.
        gallery_features: ``(G, D)`` to search in instead.
        gallery_pids: ``(G,)`` classes; with ``gallery_features`` only.
        query_chunk: images handled at once; does not change the result.

    Returns:
        ``recall@k`` for every k, floats in [0, 1].

    Raises:
        ValueError: no image, shapes disagree, a feature or similarity is not finite,
            ``query_chunk`` or a k is below 1, or only one of ``gallery_features`` and
            ``gallery_pids`` is given.
    """
    topk = as_topk(topk)
    ranks = first_match_ranks(
        features, pids, gallery_features, gallery_pids, query_chunk=query_chunk
    )
    return recall_of_first_ranks(ranks, topk)


def first_match_ranks(
    features: Array,
    pids: Labels,
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    start: int = 0,
    stop: int | None = None,
    query_chunk: int = QUERY_CHUNK,
) -> np.ndarray:
    """How far each image has to look for one of its class.

    Args:
        start: the first image that searches.
        stop: one past the last; by default all from ``start`` on do.

    Returns:
        ``(stop - start,)`` int64, 1 for the first place, 0 where there is none.

    The other arguments and the errors are those of :func:`recall_at_k`.
    """
    if (gallery_features is None) != (gallery_pids is None):
        raise ValueError('gallery_features and gallery_pids must both be given or neither')
    itself_left_out = gallery_features is None
    if gallery_features is None or gallery_pids is None:
        gallery_features, gallery_pids = features, pids
    query, gallery = as_feature_pair(features, gallery_features)
    if not len(query):
        raise ValueError('features holds no image to search with')
    check_whole(query_chunk, 1, 'query_chunk')
    pairs = SameLabelPairs(
        as_labels(pids, len(query), 'pids'),
        as_labels(gallery_pids, len(gallery), 'gallery_pids'),
    )

    stop = len(query) if stop is None else stop
    check_range(start, stop, len(query))
    unfound = len(gallery) + 1
    first_rank = np.full(stop - start, unfound)
    for block_start in range(start, stop, query_chunk):
        block_stop = min(block_start + query_chunk, stop)
        similarity = inner_products(query[block_start:block_stop], gallery)
        check_similarities(similarity, block_start)
        matches = pairs.of_block(block_start, block_stop)
        if itself_left_out:
            similarity.diagonal(block_start).fill_(-torch.inf)
            matches = matches.where(matches.rows + block_start != matches.columns)
        ranks = match_ranks(similarity, matches)
        np.minimum.at(first_rank, block_start - start + matches.rows, ranks)
    first_rank[first_rank == unfound] = 0
    return first_rank


def recall_of_first_ranks(first_ranks: np.ndarray, topk: Sequence[int]) -> dict[str, float]:
    """``recall@k`` of what :func:`first_match_ranks` gives for all images."""
    found = first_ranks > 0
    topk = as_topk(topk)
    return {f'recall@{k}': float((found & (first_ranks <= k)).mean()) for k in topk}
