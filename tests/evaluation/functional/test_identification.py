"""Open-set identification: rates against a loop over searches."""

import math

import numpy as np
import pytest

from msvitreid.evaluation.functional.identification import (
    fmr_of_fpir,
    fpir_of_fmr,
    identification_metrics,
    search_outcomes,
)

SIMILARITY = np.array(
    [
        [0.9, 0.2, 0.3],  # of 7, found first
        [0.4, 0.8, 0.3],  # of 7, an image of 8 is more similar
        [0.6, 0.5, 0.1],  # of 5, who is not there
        [0.2, 0.1, 0.1],  # of 6, who is not there
    ]
)
QUERIES, GALLERY = [7, 7, 5, 6], [7, 8, 9]


@pytest.mark.parametrize(
    ('threshold', 'fpir', 'first', 'second'),
    [(0.0, 1, 0.5, 1), (0.3, 0.5, 0.5, 1), (0.5, 0.5, 0.5, 0.5), (0.95, 0, 0, 0)],
)
def test_rates(threshold, fpir, first, second):
    found = identification_metrics(SIMILARITY, QUERIES, GALLERY, threshold, (1, 2))
    assert found == {
        'FPIR': fpir,
        'FNIR': 1 - first,
        'TPIR@1': first,
        'TPIR@2': second,
        'num_new': 2,
        'num_known': 2,
    }


def test_against_a_loop():
    """Class of faults: rates of matrices that a count of single searches does not give."""
    rng = np.random.default_rng(0)
    similarity = rng.random((60, 25)).round(1)  # with many ties
    queries, gallery = rng.integers(0, 14, 60), rng.integers(0, 9, 25)
    hidden = rng.random((60, 25)) < 0.3
    found = identification_metrics(similarity, queries, gallery, 0.8, (1, 3), hidden)
    new, ranks = [], []
    for query in range(60):
        of_own = gallery == queries[query]
        seen = ~hidden[query]
        if not of_own.any():
            new.append(any(similarity[query][seen] >= 0.8))
        elif (of_own & seen).any():
            best = max(similarity[query][of_own & seen])
            rank = 1 + sum(similarity[query][~of_own & seen] >= best)
            ranks.append(rank if best >= 0.8 else math.inf)
    assert found['FPIR'] == pytest.approx(np.mean(new))
    assert found['TPIR@1'] == pytest.approx(np.mean(np.array(ranks) <= 1))
    assert found['TPIR@3'] == pytest.approx(np.mean(np.array(ranks) <= 3))
    assert (found['num_new'], found['num_known']) == (len(new), len(ranks))


def test_the_threshold_of_an_fpir():
    searches = search_outcomes(np.linspace(0, 0.9, 10)[:, None], range(10), [99])
    for fpir, hits in ((0.05, 0), (0.1, 1), (0.35, 3), (1, 10)):
        assert searches.fpir(searches.threshold_of_fpir(fpir)) == pytest.approx(hits / 10)


def test_rates_of_independent_comparisons():
    assert fpir_of_fmr(1e-3, 1) == pytest.approx(1e-3)
    assert (
        fpir_of_fmr(1e-3, 1000) == pytest.approx(1 - 0.999**1000) == pytest.approx(0.6323, 1e-4)
    )
    assert fpir_of_fmr(1e-12, 10) == pytest.approx(1e-11)
    assert fmr_of_fpir(fpir_of_fmr(1e-5, 20_000), 20_000) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'similarity': np.zeros((4, 0)), 'gallery_pids': []}, 'similarity'),
        ({'similarity': np.full((4, 3), np.nan)}, 'similarity'),
        ({'query_pids': [1]}, 'query_pids'),
        ({'gallery_pids': [1.5] * 3}, 'gallery_pids'),
        ({'ignored': np.zeros((3, 4), bool)}, 'ignored'),
        ({'topk': (0,)}, 'topk'),
    ],
)
def test_what_is_no_input(changes, named):
    given = {
        'similarity': SIMILARITY,
        'query_pids': QUERIES,
        'gallery_pids': GALLERY,
        'threshold': 0.5,
        **changes,
    }
    with pytest.raises(ValueError, match=named):
        identification_metrics(**given)
