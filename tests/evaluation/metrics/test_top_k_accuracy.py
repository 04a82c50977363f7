from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.evaluation import TopKAccuracy

needs_mmpretrain = pytest.mark.skipif(
    find_spec('mmpretrain') is None, reason='needs mmpretrain'
)

# Of four images and four classes, the place of the right one: 1, 2, 3, 1.
SCORES = torch.tensor(
    [
        [0.7, 0.1, 0.1, 0.1],
        [0.5, 0.3, 0.1, 0.1],
        [0.4, 0.3, 0.2, 0.1],
        [0.0, 0.1, 0.2, 0.7],
    ]
)
LABELS = [0, 1, 2, 3]


def samples():
    return [
        {'pred_score': scores, 'gt_label': torch.tensor([label])}
        for scores, label in zip(SCORES, LABELS, strict=True)
    ]


@needs_mmpretrain
def test_shares_lie_between_0_and_1():
    metric = TopKAccuracy(topk=(1, 2, 3))
    expected = {'accuracy/top1': 0.5, 'accuracy/top2': 0.75, 'accuracy/top3': 1.0}
    # A second time as after the next epoch: nothing is left of the first.
    for _ in range(2):
        metric.process({}, samples()[:3])
        metric.process({}, samples()[3:])
        assert metric.evaluate(4) == pytest.approx(expected)


@needs_mmpretrain
def test_what_the_sampler_repeats_to_fill_a_batch_is_not_counted():
    metric = TopKAccuracy(topk=(1,), prefix='val')
    metric.process({}, [*samples(), samples()[0]])
    assert metric.evaluate(4) == pytest.approx({'val/top1': 0.5})


@needs_mmpretrain
def test_more_places_than_classes():
    metric = TopKAccuracy(topk=(1, 5))
    metric.process({}, samples())
    with pytest.raises(ConfigError, match=r'topk \(1, 5\) .* 4 classes'):
        metric.evaluate(4)


def test_places_are_whole_numbers():
    with pytest.raises(ConfigError, match='TopKAccuracy: topk must be a list'):
        TopKAccuracy(topk=(0,))


def test_importing_it_does_not_import_mmpretrain():
    script = 'import sys, msvitreid.evaluation; print("mmpretrain" in sys.modules)'
    done = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == 'False'
