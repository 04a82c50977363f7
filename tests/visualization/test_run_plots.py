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
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ['a', 'b']
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
