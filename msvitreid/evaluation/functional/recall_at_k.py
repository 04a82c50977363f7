from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .inputs import Array, Labels, as_feature_pair, as_labels
from .match_ranks import match_ranks
from .same_label_pairs import SameLabelPairs


def recall_at_k(
    features: Array,
    pids: Labels,
    topk: Sequence[int] = (1, 2, 4, 8),
    gallery_features: Array | None = None,
    gallery_pids: Labels | None = None,
    query_chunk: int = 256,
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
        ValueError: no image, shapes disagree, a feature is not finite, or only one
            of ``gallery_features`` and ``gallery_pids`` is given.
    """
    if (gallery_features is None) != (gallery_pids is None):
        raise ValueError('gallery_features and gallery_pids must both be given or neither')
    itself_left_out = gallery_features is None
    if gallery_features is None or gallery_pids is None:
        gallery_features, gallery_pids = features, pids
    query, gallery = as_feature_pair(features, gallery_features)
    if not len(query):
        raise ValueError('features holds no image to search with')
    pairs = SameLabelPairs(
        as_labels(pids, len(query), 'pids'),
        as_labels(gallery_pids, len(gallery), 'gallery_pids'),
    )

    unfound = len(gallery) + 1
    first_rank = np.full(len(query), unfound)
    for start in range(0, len(query), query_chunk):
        similarity = query[start : start + query_chunk] @ gallery.T
        matches = pairs.of_block(start, start + len(similarity))
        if itself_left_out:
            similarity.diagonal(start).fill_(-torch.inf)
            matches = matches.where(matches.rows + start != matches.columns)
        ranks = match_ranks(similarity, matches)
        np.minimum.at(first_rank, start + matches.rows, ranks)
    found = first_rank < unfound
    return {f'recall@{k}': float((found & (first_rank <= k)).mean()) for k in topk}
