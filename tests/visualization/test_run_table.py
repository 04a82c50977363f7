import csv
import io
from math import sqrt

import pytest

from msvitreid.errors import ConfigError
from msvitreid.visualization import RunRecord
from msvitreid.visualization.run_table import (
    csv_table,
    evaluator_note,
    final_metrics,
    group_statistics,
    is_share,
    markdown_table,
    require_alike,
)


def run(name, source='averaged net', evaluator=None, **final):
    return RunRecord(name, final=final, source=source, evaluator=evaluator)


SEEDS = [run('seed0', mAP=0.60), run('seed1', mAP=0.64), run('seed2', mAP=0.68)]
OTHER = run('other', mAP=0.5, loss=1.23456)


def test_mean_and_sample_standard_deviation():
    found = group_statistics({'seeds': SEEDS, 'one': [OTHER], 'none': [run('empty')]}, 'mAP')
    assert found['seeds'] == pytest.approx((0.64, 0.04))
    assert found['one'] == (0.5, None)
    assert set(found) == {'seeds', 'one'}


def test_markdown_of_single_runs():
    assert markdown_table([SEEDS[0], OTHER], {}, ['mAP', 'loss']) == (
        '| run | figures of | mAP (%) | loss |\n'
        '| --- | --- | ---: | ---: |\n'
        '| seed0 | averaged net | 60.00 |  |\n'
        '| other | averaged net | 50.00 | 1.235 |\n'
    )


def test_markdown_of_groups_has_their_means_first():
    text = markdown_table([*SEEDS, OTHER], {'seeds': SEEDS}, ['mAP'])
    assert text.startswith(
        '| group | runs | figures of | mAP (%) |\n'
        '| --- | --- | --- | ---: |\n'
        '| seeds | 3 | averaged net | 64.00 ± 4.00 |\n\n'
        'Mean ± sample standard deviation over the runs of a group.\n\n'
        '| run | figures of | mAP (%) |\n'
    )


def test_csv_is_unrounded():
    rows = csv.DictReader(io.StringIO(csv_table([*SEEDS, OTHER], {'a, b': SEEDS}, ['mAP'])))
    found = [(row['group'], row['run'], float(row['mAP'])) for row in rows]
    deviation = sqrt(2 * 0.04**2 / 2)
    assert found == [
        ('a, b', 'seed0', 0.6),
        ('a, b', 'seed1', 0.64),
        ('a, b', 'seed2', 0.68),
        ('a, b', 'mean', pytest.approx(0.64)),
        ('a, b', 'std', pytest.approx(deviation)),
        ('', 'other', 0.5),
    ]


def test_a_pipe_in_a_name_stays_in_its_cell():
    assert '| a\\|b |' in markdown_table([run('a|b', mAP=0.1)], {}, ['mAP'])


@pytest.mark.parametrize('name', ['mAP', 'market/rank-10', 'recall@1', 'NMI', 'mAP-rerank'])
def test_shares(name):
    assert is_share(name)


@pytest.mark.parametrize('name', ['loss', 'accuracy/top1', 'mAPx'])
def test_other_figures(name):
    assert not is_share(name)


def test_metrics_in_order_and_wanted_ones():
    assert final_metrics([SEEDS[0], OTHER]) == ['mAP', 'loss']
    assert final_metrics([SEEDS[0], OTHER], ['loss']) == ['loss']
    with pytest.raises(ConfigError, match=r"no run has 'rank-1'; there is mAP, loss"):
        final_metrics([SEEDS[0], OTHER], ['rank-1'])


def test_a_group_does_not_mix_nets():
    require_alike({'seeds': SEEDS})
    mixed = [SEEDS[0], run('late', source='validation of epoch 20', mAP=0.3)]
    with pytest.raises(ConfigError, match=r"group 'mixed' mixes .*late: validation of epoch"):
        require_alike({'seeds': SEEDS, 'mixed': mixed})


def test_different_evaluators_are_named():
    plain, trapezoid = (run(ap, evaluator={'ap': ap}, mAP=0.5) for ap in ('plain', 'trapezoid'))
    assert evaluator_note([plain, plain, OTHER]) is None
    note = evaluator_note([plain, trapezoid])
    assert note.endswith("plain: ap='plain'; trapezoid: ap='trapezoid'")
    assert note in markdown_table([plain, trapezoid], {}, ['mAP'])
