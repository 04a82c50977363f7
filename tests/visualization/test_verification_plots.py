"""The picture of a calibration; class of faults: rates of 0 on logarithmic axes."""

import pytest
from PIL import Image

from msvitreid.errors import OutputError
from msvitreid.visualization.verification_plots import draw_calibration

FIGURES = dict(
    det=[(1.0, 0.0), (0.1, 0.02), (0.0, 1.0)],
    chosen=(0.0, 1.0),
    intervals=((0.0, 0.0), (1.0, 1.0)),
    reliability=[(0.5, 0.5, 3)],
    expected_error=0.0,
)


def test_curves_that_reach_zero(tmp_path, recwarn):
    figure = draw_calibration(**FIGURES, out=tmp_path / 'new' / 'det.png')
    # Old versions of matplotlib use what pyparsing calls deprecated.
    assert not [one for one in recwarn if one.category is UserWarning]
    left, right = figure.axes
    assert left.get_xscale() == left.get_yscale() == 'log'
    assert left.lines[0].get_xdata().min() > 0
    assert '0.000' in right.get_title()
    assert Image.open(tmp_path / 'new' / 'det.png').format == 'PNG'


def test_a_picture_that_cannot_be_written(tmp_path):
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(OutputError, match=r'cannot be written'):
        draw_calibration(**FIGURES, out=tmp_path / 'a.png')
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
