"""The Market-1501 protocol query by query, as the usual toolkits do it in Python."""

from __future__ import annotations

import numpy as np


def rank_metrics(
    query: np.ndarray,
    gallery: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
) -> dict[str, float]:
    """Similarities of all pairs at once, then :func:`rank_similarity`."""
    labels = query_pids, gallery_pids, query_camids, gallery_camids
    return rank_similarity(query @ gallery.T, *labels)


def rank_similarity(
    similarity: np.ndarray,
    query_pids: np.ndarray,
    gallery_pids: np.ndarray,
    query_camids: np.ndarray,
    gallery_camids: np.ndarray,
    topk: tuple[int, ...] = (1, 5, 10),
) -> dict[str, float]:
    """``rank-k``, both kinds of mAP, and mINP of a ``(Q, G)`` similarity matrix.

    Camera -1 is unknown and leaves nothing out, gallery images of pid -1 are junk, queries
    without a match do not count.
    """
    curves, trapezoids, plains, penalties = [], [], [], []
    for i in range(len(similarity)):
        order = np.argsort(-similarity[i], kind='stable')
        pids, camids = gallery_pids[order], gallery_camids[order]
        same_camera = (camids == query_camids[i]) & (camids != -1)
        keep = (pids != -1) & ~((pids == query_pids[i]) & same_camera)
        match = (pids[keep] == query_pids[i]).astype(np.int64)
        if not match.any():
            continue
        found = match.cumsum()
        curve = np.minimum(found, 1)[: max(topk)]
        curves.append(np.pad(curve, (0, max(topk) - len(curve)), mode='edge'))
        trapezoid = plain = 0.0
        for place in np.flatnonzero(match):
            precision = found[place] / (place + 1)
            before = 1.0 if place == 0 else (found[place] - 1) / place
            trapezoid += (before + precision) / 2
            plain += precision
        trapezoids.append(trapezoid / found[-1])
        plains.append(plain / found[-1])
        penalties.append(found[-1] / (np.flatnonzero(match)[-1] + 1))
    cmc = np.mean(curves, axis=0)
    return {
        'mAP-trapezoid': float(np.mean(trapezoids)),
        'mAP-plain': float(np.mean(plains)),
        'mINP': float(np.mean(penalties)),
        **{f'rank-{k}': float(cmc[k - 1]) for k in topk},
    }
