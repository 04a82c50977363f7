from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from msvitreid.visualization import RunRecord, draw_runs


def run(name, mean=0.5, curves=True):
    found = RunRecord(name, final={'mAP': mean}, source='averaged net')
    if curves:
        found.training = {'loss': [(1, 3.0), (2, 2.0)], 'lr': [(1, 0.1), (2, 0.01)]}
        found.validation = {'mAP': [(1, mean / 2), (2, mean)]}
    return found


def drawn(*runs, metrics=('mAP',), **groups):
    return draw_runs({**groups, **{run.name: [run] for run in runs}}, metrics)


def panels(figure):
    return {ax.get_title(): ax for ax in figure.axes}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def heights(ax):
    return [line.get_ydata().tolist() for line in ax.lines]


def test_every_run_is_a_line_and_a_dot(tmp_path):
    path = tmp_path / 'new' / 'runs.png'
    figure = draw_runs({'a': [run('a', 0.5)], 'b': [run('b', 0.6)]}, ['mAP'], path)
    found = panels(figure)
    assert list(found) == [
        *('training loss', 'learning rate'),
        *('mAP in validation (%)', 'final mAP (%)'),
    ]
    assert heights(found['training loss']) == [[3, 2], [3, 2]]
    assert heights(found['mAP in validation (%)']) == [[25, 50], [30, 60]]
    assert heights(found['final mAP (%)']) == [[0], [1]]
    assert legend(figure) == ['a', 'b']
    assert Image.open(path).size[0] > 800


def test_a_group_is_its_runs_and_their_mean():
    figure = drawn(run('alone', 0.3), seeds=[run('s0', 0.4), run('s1', 0.6)])
    curves = panels(figure)['mAP in validation (%)']
    np.testing.assert_allclose(heights(curves), [[20, 40], [30, 60], [25, 50], [15, 30]])
    assert len({line.get_color() for line in curves.lines}) == 2
    finals = panels(figure)['final mAP (%)']
    assert [text.get_text().strip() for text in finals.texts] == ['50.00 ± 14.14', '30.00']
    assert [label.get_text() for label in finals.get_yticklabels()] == ['seeds', 'alone']


def test_the_mean_covers_what_all_runs_cover():
    """A run that stopped early ends the mean of its group."""
    members = [run('s0'), run('s1')]
    members[0].training['loss'] = [(1, 4.0), (2, 3.0), (3, 2.0)]
    members[1].training['loss'] = [(1, 2.0), (2, 1.0)]
    assert heights(panels(drawn(seeds=members))['training loss'])[-1] == [3.0, 2.0]


def test_a_single_point_is_marked():
    members = [run('s0'), run('s1')]
    members[1].training['loss'] = [(2, 1.0)]
    lines = panels(drawn(seeds=members))['training loss'].lines
    assert [line.get_marker() for line in lines] == ['None', 'o', 'o']


@pytest.mark.parametrize('last', [1.0, 1.25, 3.5, 300.0])
def test_epochs_are_whole_numbers(last):
    short = run('a')
    short.training['loss'] = [(0.25, 3.0), (last, 2.0)]
    ax = panels(drawn(short))['training loss']
    left, right = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if left <= tick <= right]
    assert ticks
    assert all(tick == int(tick) for tick in ticks)


@pytest.mark.parametrize(
    'name', ['run{}', 'MSViT-S with the contiguous neck, seed {}, on Duke']
)
def test_texts_keep_away_from_each_other_and_from_the_edge(name):
    runs = [run(name.format(seed)) for seed in range(9)]
    for one in runs:
        one.final['rank-1'], one.validation['rank-1'] = 0.7, [(1, 0.3), (2, 0.6)]
    figure = drawn(*runs, metrics=['mAP', 'rank-1'])
    figure.draw_without_rendering()
    first, second = (panels(figure)[f'final {name} (%)'] for name in ('mAP', 'rank-1'))
    numbers = [text.get_window_extent() for text in first.texts]
    assert max(box.x1 for box in numbers) < second.get_window_extent().x0
    labels = [label.get_window_extent() for label in first.get_yticklabels()]
    assert min(box.x0 for box in labels) > 0
    assert all(above.y0 >= below.y1 for above, below in pairwise(labels))
    assert figure.get_tightbbox().x1 * figure.dpi <= figure.bbox.x1


def test_figures_without_curves_are_drawn_alone():
    assert list(panels(drawn(run('a', curves=False)))) == ['final mAP (%)']


def test_many_runs_have_styles_of_their_own():
    lines = panels(drawn(*(run(f'run{number}') for number in range(12))))['training loss'].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12


def test_nothing_to_draw():
    with pytest.raises(ValueError, match='neither curves nor figures'):
        drawn(RunRecord('empty'))
