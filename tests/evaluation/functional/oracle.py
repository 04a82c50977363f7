"""The Market protocol in plain Python, one query and one image at a time."""

from __future__ import annotations

import numpy as np


def ranked_gallery(similarity, pid, camid, gallery_pids, gallery_camids):
    """Gallery indices one query ranks, best first."""
    kept = []
    for index, gallery_pid in enumerate(gallery_pids):
        if gallery_pid == -1:
            continue
        same_camera = camid != -1 and gallery_camids[index] == camid
        if gallery_pid == pid and same_camera:
            continue
        kept.append(index)
    return sorted(kept, key=lambda index: (-similarity[index], index))


def rank_metrics(similarity, query_pids, gallery_pids, query_camids, gallery_camids, ap, topk):
    """The values of the function of the same name, and each query's AP."""
    precisions, penalties, first_ranks = [], [], []
    for row, (pid, camid) in enumerate(zip(query_pids, query_camids, strict=True)):
        ranking = ranked_gallery(similarity[row], pid, camid, gallery_pids, gallery_camids)
        ranks = [i + 1 for i, index in enumerate(ranking) if gallery_pids[index] == pid]
        if not ranks:
            precisions.append(float('nan'))
            continue
        total = 0.0
        for before, rank in enumerate(ranks):
            new = (before + 1) / rank
            old = 1.0 if rank == 1 else before / (rank - 1)
            total += new if ap == 'plain' else (old + new) / 2
        precisions.append(total / len(ranks))
        penalties.append(len(ranks) / ranks[-1])
        first_ranks.append(ranks[0])
    num_matched = len(first_ranks)

    def mean(values):
        return sum(values) / num_matched if num_matched else float('nan')

    return {
        'mAP': mean([p for p in precisions if p == p]),
        'mINP': mean(penalties),
        **{f'rank-{k}': mean([rank <= k for rank in first_ranks]) for k in topk},
        'num_queries': len(precisions),
        'num_unmatched': len(precisions) - num_matched,
        'AP': np.array(precisions),
    }
