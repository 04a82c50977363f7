from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from msvitreid.visualization import RunRecord, draw_runs


def run(name, mean=0.5, curves=True):
    if not curves:
        return RunRecord(name, final={'mAP': mean}, source='averaged net')
    return RunRecord(
        name,
        training={'loss': [(1, 3.0), (2, 2.0)], 'lr': [(1, 0.1), (2, 0.01)]},
        validation={'mAP': [(1, mean / 2), (2, mean)]},
        final={'mAP': mean},
        source='averaged net',
    )


def panels(figure):
    return {ax.get_title(): ax for ax in figure.axes if ax.get_visible()}


def legend(figure):
    (legend,) = (legend for part in figure.subfigs for legend in part.legends)
    return [text.get_text() for text in legend.get_texts()]


def heights(ax):
    return [line.get_ydata().tolist() for line in ax.lines]


def test_every_run_is_a_line_and_a_dot(tmp_path):
    figure = draw_runs(
        [run('a', 0.5), run('b', 0.6)], {}, ['mAP'], tmp_path / 'new' / 'runs.png'
    )
    found = panels(figure)
    assert list(found) == [
        'training loss',
        'learning rate',
        'mAP in validation (%)',
        'final mAP (%), averaged net',
    ]
    assert heights(found['training loss']) == [[3, 2], [3, 2]]
    assert heights(found['mAP in validation (%)']) == [[25, 50], [30, 60]]
    assert heights(found['final mAP (%), averaged net']) == [[0], [1]]
    assert legend(figure) == ['a', 'b']
    assert Image.open(tmp_path / 'new' / 'runs.png').size[0] > 800


def test_the_same_schedule_stays_visible_below_another():
    lines = panels(draw_runs([run('a'), run('b'), run('c')], {}, ['mAP']))[
        'learning rate'
    ].lines
    widths = [line.get_linewidth() for line in lines]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3


def test_a_group_is_its_runs_and_their_mean():
    members = [run('s0', 0.4), run('s1', 0.6)]
    figure = draw_runs([*members, run('alone', 0.3)], {'seeds': members}, ['mAP'])
    curves = panels(figure)['mAP in validation (%)']
    np.testing.assert_allclose(heights(curves), [[20, 40], [30, 60], [25, 50], [15, 30]])
    assert len({line.get_color() for line in curves.lines}) == 2
    finals = panels(figure)['final mAP (%), averaged net']
    texts = [text.get_text() for text in finals.texts]
    assert texts == ['50.00 ± 14.14', '30.00']
    assert [label.get_text() for label in finals.get_yticklabels()] == ['seeds', 'alone']


def test_a_figure_of_some_runs_says_of_how_many():
    members = [run('s0', 0.4), run('s1', 0.6)]
    members[1].final = {}
    finals = panels(draw_runs(members, {'seeds': members}, ['mAP']))
    (text,) = finals['final mAP (%), averaged net'].texts
    assert text.get_text() == '40.00 (1 of 2)'


def test_a_single_point_of_a_groups_run_is_marked():
    members = [run('s0'), run('s1')]
    members[1].validation['mAP'] = [(2, 0.7)]
    members[1].training['loss'] = [(2, 1.0)]
    found = panels(draw_runs(members, {'seeds': members}, ['mAP']))
    for title in ('mAP in validation (%)', 'training loss'):
        assert [line.get_marker() for line in found[title].lines] == ['o'] * 3
    assert {line.get_marker() for line in found['learning rate'].lines} == {'None'}


@pytest.mark.parametrize('last', [1.0, 1.25, 2.0, 3.5, 300.0])
def test_epochs_are_whole_numbers(last):
    short = run('a')
    short.training['loss'] = [(0.25, 3.0), (last, 2.0)]
    ax = panels(draw_runs([short], {}, ['mAP']))['training loss']
    left, right = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if left <= tick <= right]
    assert ticks
    assert all(tick == int(tick) for tick in ticks)


LONG = 'MSViT-S with the contiguous neck and ArcFace loss, seed {}, 300 epochs on Occluded-Duke'


@pytest.mark.parametrize('name', [LONG, '{}' + 90 * 'x', 45 * 'x' + '{}' + 45 * 'x'])
def test_long_names_stay_different(name):
    runs = [run(name.format(seed)) for seed in (1, 2)]
    figure = draw_runs(runs, {}, ['mAP'])
    labels = legend(figure)
    assert len(set(labels)) == 2
    assert max(len(line) for label in labels for line in label.split('\n')) <= 26
    finals = panels(figure)['final mAP (%), averaged net']
    assert [label.get_text() for label in finals.get_yticklabels()] == labels


def test_very_long_names_are_cut():
    (label,) = legend(draw_runs([run('a' * 50 + 'b' * 50)], {}, ['mAP']))
    assert label.replace('\n', '') == 'a' * 35 + '…' + 'b' * 36


@pytest.mark.parametrize(('count', 'name'), [(2, 'run{}'), (5, LONG), (9, LONG)])
def test_texts_keep_away_from_each_other_and_from_the_edge(count, name):
    runs = [run(name.format(seed)) for seed in range(count)]
    for one in runs:
        one.final['rank-1'], one.validation['rank-1'] = 0.7, [(1, 0.3), (2, 0.6)]
    figure = draw_runs(runs, {}, ['mAP', 'rank-1'])
    figure.draw_without_rendering()
    found = panels(figure)
    first, second = (found[f'final {name} (%), averaged net'] for name in ('mAP', 'rank-1'))
    numbers = [text.get_window_extent() for text in first.texts]
    assert max(box.x1 for box in numbers) + 10 < second.get_tightbbox().x0
    assert first.get_ylim() == second.get_ylim() == (count - 0.5, -0.5)
    labels = [label.get_window_extent() for label in first.get_yticklabels()]
    assert min(box.x0 for box in labels) > 10
    assert all(above.y0 >= below.y1 for above, below in pairwise(labels))
    assert found['training loss'].get_tightbbox().x0 > 10
    assert figure.get_tightbbox().x1 * figure.dpi < figure.bbox.x1


def test_the_mean_covers_what_all_runs_cover():
    """A run that stopped early ends the mean of its group."""
    members = [run('s0'), run('s1')]
    members[0].training['loss'] = [(1, 4.0), (2, 3.0), (3, 2.0)]
    members[1].training['loss'] = [(1, 2.0), (2, 1.0)]
    loss = panels(draw_runs(members, {'seeds': members}, ['mAP']))['training loss']
    assert heights(loss)[-1] == [3.0, 2.0]


def test_figures_without_curves_are_drawn_alone():
    found = panels(draw_runs([run('a', curves=False), run('b')][:1], {}, ['mAP']))
    assert list(found) == ['final mAP (%), averaged net']


def test_different_kinds_of_net_are_said():
    other = run('b')
    other.source = 'validation of epoch 2'
    found = panels(draw_runs([run('a'), other], {}, ['mAP']))
    assert 'final mAP (%), not all of the same kind of net' in found


def test_many_runs_have_styles_of_their_own():
    runs = [run(f'run{number}') for number in range(12)]
    lines = panels(draw_runs(runs, {}, ['mAP']))['training loss'].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_nothing_to_draw():
    with pytest.raises(ValueError, match='neither curves nor figures'):
        draw_runs([RunRecord('empty')], {}, [])
