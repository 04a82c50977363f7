"""Which queries are shown with what they found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from msvitreid.evaluation.functional import MarketRule, inner_product_rows, top_matches

from .data import Place, QueryFacts, RankingList

if TYPE_CHECKING:
    from .measuring import Searched

#: Left-out images of a list that are shown; there may be a whole track of them.
MOST_LEFT_OUT = 2


def ranking_lists(
    searched: Searched,
    queries: Sequence[QueryFacts],
    gallery: Sequence[tuple[str, str, str]],
    lists: int,
    places: int,
    seed: int,
) -> dict[str, list[RankingList]]:
    """Lists of the hardest queries, of the best, and of random ones, by these names.

    Args:
        searched: queries and gallery.
        queries: facts of each query.
        gallery: path, identity and camera of each gallery image, as they are shown.
        lists: so many of each kind; no query is hardest and best.
        places: of a list.
        seed: draws the random ones.
    """
    values = np.array(
        [np.nan if q.average_precision is None else q.average_precision for q in queries]
    )
    known = np.flatnonzero(~np.isnan(values))
    by_value = known[np.argsort(values[known], kind='stable')]
    hardest = by_value[: min(lists, (len(known) + 1) // 2)]
    best = by_value[len(hardest) :][: -lists - 1 : -1].copy()
    random = np.random.default_rng(seed).permutation(len(queries))[:lists]
    chosen = {'hardest': hardest, 'best': best, 'random': np.sort(random)}
    return {
        kind: _lists(searched, queries, gallery, places, which)
        for kind, which in chosen.items()
        if len(which)
    }


def _lists(
    searched: Searched,
    queries: Sequence[QueryFacts],
    gallery: Sequence[tuple[str, str, str]],
    places: int,
    chosen: np.ndarray,
) -> list[RankingList]:
    query, features = searched.query, searched.gallery.features
    own = query.features[torch.as_tensor(chosen)]
    query_pids, gallery_pids, query_camids, gallery_camids = searched.labels
    itself = None if searched.self_index is None else searched.self_index[chosen]
    pids = query_pids[chosen]
    camids = None if query_camids is None else query_camids[chosen]
    counted = top_matches(
        own, features, places, pids, gallery_pids, camids, gallery_camids, self_index=itself
    )
    # Without cameras the ranking also has what the protocol leaves out.
    left_out = np.zeros((len(chosen), len(gallery)), dtype=bool)
    rule = MarketRule(pids, gallery_pids, camids, gallery_camids)
    rows, columns = rule.left_out(0, len(chosen))
    left_out[rows, columns] = True
    width = places + int(left_out.sum(axis=1).max(initial=0))
    whole = top_matches(own, features, width, pids, gallery_pids, self_index=itself)
    similarity = inner_product_rows(own, features)(0, len(chosen)).cpu().numpy()
    result = []
    for row, index in enumerate(chosen):
        ranks = {int(one): rank for rank, one in enumerate(counted[row], 1) if one >= 0}
        result.append(
            RankingList(
                queries[index],
                [
                    Place(
                        ranks.get(one),
                        _verdict(one in ranks, gallery_pids[one] == pids[row]),
                        *gallery[one],
                        float(similarity[row, one]),
                        searched.gallery_files[one],
                    )
                    for one in _shown(whole[row].tolist(), ranks, left_out[row])
                ],
                searched.query_files[index],
            )
        )
    return result


def _shown(whole: list[int], ranks: dict[int, int], left_out: np.ndarray) -> list[int]:
    """The counted images, and the first left-out ones among them, most similar first."""
    shown: list[int] = []
    before, remaining = 0, len(ranks)
    for one in whole:
        if one < 0 or not remaining:
            break
        if one in ranks:
            shown.append(one)
            remaining -= 1
        elif left_out[one] and before < MOST_LEFT_OUT:
            shown.append(one)
            before += 1
    return shown


def _verdict(is_counted: bool, is_same: bool) -> str:
    if not is_counted:
        return 'left out'
    return 'right' if is_same else 'wrong'
