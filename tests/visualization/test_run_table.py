import csv
import io
from math import sqrt

import pytest

from msvitreid.errors import ConfigError
from msvitreid.visualization import RunRecord
from msvitreid.visualization.run_table import (
    csv_table,
    evaluator_notes,
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
    assert found['seeds'] == pytest.approx((0.64, 0.04, 3))
    assert found['one'] == (0.5, None, 1)
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
        ('a, b', 'count', 3),
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


def test_a_figure_that_only_some_runs_have_says_how_many():
    members = [run('a', mAP=0.5, mINP=0.2), run('b', mAP=0.5, mINP=0.4), run('c', mAP=0.5)]
    text = markdown_table(members, {'G': members}, ['mAP', 'mINP', 'NMI'])
    assert '| G | 3 | averaged net | 50.00 ± 0.00 | 30.00 ± 14.14 (2 of 3) |  |' in text
    rows = csv.DictReader(io.StringIO(csv_table(members, {'G': members}, ['mINP', 'NMI'])))
    found = {row['run']: (row['mINP'], row['NMI']) for row in rows}
    assert (found['count'], found['c'], found['std'][1]) == (('2', '0'), ('', ''), '')


def test_different_evaluators_are_named():
    plain, trapezoid = (run(ap, evaluator={'ap': ap}, mAP=0.5) for ap in ('plain', 'trapezoid'))
    assert evaluator_notes([plain, plain, OTHER], ['mAP']) == []
    (note,) = evaluator_notes([plain, trapezoid], ['mAP'])
    assert note.endswith("differ: plain: ap='plain'; trapezoid: ap='trapezoid'")
    assert note in markdown_table([plain, trapezoid], {}, ['mAP'])


def test_what_an_evaluator_adds_leaves_its_other_figures_comparable():
    options = {
        'a': {},
        'b': {'rerank': {'k1': 20, 'k2': 6}},
        'c': {'topk': [1, 5], 'nmi': True},
    }
    runs = [run(name, evaluator={'ap': 'plain', **more}) for name, more in options.items()]
    assert evaluator_notes(runs, ['mAP', 'mAP-rerank']) == []


def test_re_ranking_of_different_options_is_named_where_it_is_shown():
    runs = [run(f'k{k}', evaluator={'ap': 'plain', 'rerank': {'k1': k}}) for k in (20, 30)]
    runs.append(run('without', evaluator={'ap': 'plain', 'rerank': None}))
    assert evaluator_notes(runs, ['mAP']) == []
    (note,) = evaluator_notes(runs, ['mAP', 'mAP-rerank'])
    assert note == (
        'Re-ranked figures are not comparable, for the re-ranking differs: k20: k1=20; k30: k1=30'
    )
