"""The picture of robustness results: what is drawn is what was measured."""

from __future__ import annotations

import pytest

from msvitreid.visualization.report.data import RunFacts
from msvitreid.visualization.report.robustness import shown_robustness
from msvitreid.visualization.results import draw_robustness
from msvitreid.visualization.style import save
from tests.evaluation.robustness.test_curves import made_result


def test_two_nets_in_one_picture(tmp_path, recwarn):
    result = made_result()
    figure = draw_robustness(result)
    save(figure, tmp_path / 'r.png')
    assert not recwarn.list
    ax = figure.axes[0]
    for line, net in zip(ax.lines, result.nets, strict=True):
        values = [100 * one.figures['mAP'].value for one in net.curves[0].levels]
        assert line.get_ydata().tolist() == pytest.approx(values)
    assert len(ax.collections) == 2, 'a band each'
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ['first <b>', 'second']


def test_nets_have_the_colors_of_their_runs():
    result = made_result()
    runs = [
        RunFacts('x', {}, {}),
        RunFacts('y', {}, {}, fingerprint=result.nets[1].fingerprint),
    ]
    shown = shown_robustness(result, runs)
    assert [number for number, _ in shown.numbered] == [2, 1]
