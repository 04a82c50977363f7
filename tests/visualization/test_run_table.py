import csv
import io

import pytest

from msvitreid.visualization import RunRecord
from msvitreid.visualization.run_table import (
    csv_table,
    is_share,
    markdown_table,
    mean_and_deviation,
)


def run(name, **final):
    return RunRecord(name, final=final, source='averaged net')


SEEDS = [run('seed0', mAP=0.60), run('seed1', mAP=0.64), run('seed2', mAP=0.68)]
OTHER = run('other', mAP=0.5, loss=1.23456)


def test_mean_and_sample_standard_deviation():
    assert mean_and_deviation(SEEDS, 'mAP') == pytest.approx((0.64, 0.04))
    assert mean_and_deviation([OTHER], 'mAP') == (0.5, 0)
    assert mean_and_deviation([*SEEDS, run('empty')], 'mAP') is None


def test_markdown():
    """A figure that a run lacks has no mean, and a pipe in a name stays in its cell."""
    assert markdown_table({'seeds': SEEDS, 'a|b': [OTHER]}, ['mAP', 'loss']) == (
        '| run | runs | figures of | mAP (%) | loss |\n'
        '| --- | ---: | --- | ---: | ---: |\n'
        '| seeds | 3 | averaged net | 64.00 ± 4.00 |  |\n'
        '| a\\|b | 1 | averaged net | 50.00 | 1.235 |\n'
    )


def test_csv_is_unrounded():
    text = csv_table({'a, b': SEEDS, 'other': [OTHER]}, ['mAP', 'loss'])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row['group'], row['run'], float(row['mAP'])) for row in rows] == [
        ('a, b', 'seed0', 0.6),
        ('a, b', 'seed1', 0.64),
        ('a, b', 'seed2', 0.68),
        ('a, b', 'mean', pytest.approx(0.64)),
        ('a, b', 'std', pytest.approx(0.04)),
        ('', 'other', 0.5),
    ]
    assert [row['loss'] for row in rows] == [*[''] * 5, '1.23456']


@pytest.mark.parametrize(
    ('name', 'share'),
    [
        *((name, True) for name in ('mAP', 'market/rank-10', 'recall@1', 'NMI', 'mAP-rerank')),
        *((name, False) for name in ('loss', 'accuracy/top1', 'mAPx')),
    ],
)
def test_shares(name, share):
    assert is_share(name) is share
