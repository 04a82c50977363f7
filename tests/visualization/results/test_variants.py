import pytest

from msvitreid.visualization.results import VariantRow, draw_variants


def test_a_dot_for_each_run_and_an_interval_for_each_difference():
    base = VariantRow('base', [0.5, 0.6])
    better = VariantRow('better', [0.7, 0.8], 0.2, (0.1, 0.3))
    figure = draw_variants({'clean': [base, better], 'occluded': [base]})
    left, right, *_ = figure.axes
    assert left.lines[0].get_xdata().tolist() == [50, 60]
    assert left.lines[1].get_xdata().tolist() == pytest.approx([55])
    assert [round(x) for x in right.lines[1].get_xdata()] == [10, 30]
    assert [text.get_text() for text in right.texts] == ['base', '+20.0']
    assert left.get_title(loc='left').startswith('clean: mAP')


def test_nothing_to_draw():
    with pytest.raises(ValueError, match='no variant'):
        draw_variants({'test': []})
