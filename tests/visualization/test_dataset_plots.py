from __future__ import annotations

import subprocess
import sys

import pytest
from PIL import Image

from msvitreid.visualization import draw_dataset_plots


def entries(*identities: tuple[int, ...]) -> list[dict]:
    """One identity for each tuple of the cameras of its images."""
    return [{'pid': p, 'camid': c} for p, cameras in enumerate(identities) for c in cameras]


def bars(ax) -> dict[float, float]:
    """Middle -> height."""
    return {round(p.get_x() + p.get_width() / 2, 6): p.get_height() for p in ax.patches}


def test_what_the_bars_count():
    figure = draw_dataset_plots(
        entries((1, 1, 2), (1, 4, 4), (2, 2)), [(128, 64), (128, 64), (90, 40)], 'title'
    )
    images, cameras, per_identity, sizes = figure.axes
    assert bars(images) == {3: 2, 2: 1}
    assert images.get_title() == '3 identities with 2 to 3 images, median 3'
    assert bars(cameras) == {1: 3, 2: 3, 4: 2}
    assert bars(per_identity) == {2: 2, 1: 1}
    assert per_identity.get_title() == '1 identities are seen by one camera only'
    points = sizes.collections[0]
    assert {tuple(xy) for xy in points.get_offsets().tolist()} == {(64, 128), (40, 90)}
    assert sizes.get_title() == '3 images, 2 sizes, median 128x64 (HxW)'
    assert figure.get_suptitle() == 'title'


def test_many_different_counts_are_binned():
    figure = draw_dataset_plots(entries(*((1,) * n for n in range(1, 200))), [], 'title')
    heights = bars(figure.axes[0]).values()
    assert len(heights) == 40
    assert sum(heights) == 199


def test_without_cameras_and_sizes():
    figure = draw_dataset_plots(entries((-1, -1), (-1, -1)), [], 'title')
    texts = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert texts[1:] == [['no camera is known']] * 2 + [['no image was measured']]
    assert figure.axes[0].get_title() == '2 identities with 2 images each'


def test_picture(tmp_path):
    out = tmp_path / 'new' / 'plots.png'
    draw_dataset_plots(entries((1, 2)), [(10, 5)], 'title', out)
    with Image.open(out) as picture:
        assert picture.format == 'PNG'
        assert picture.size == (1210, 825)


def test_no_entries():
    with pytest.raises(ValueError, match='no entry'):
        draw_dataset_plots([], [], 'title')


def test_matplotlib_is_imported_when_used():
    code = 'import sys, msvitreid.visualization; sys.exit("matplotlib" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


def test_cameras_have_their_names():
    entries = [dict(pid=0, camid=camid) for camid in (0, 0, 1)]
    figure = draw_dataset_plots(entries, [], 'x', camera_name=['door', 'hall'].__getitem__)
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert labels == ['door', 'hall']


@pytest.mark.filterwarnings('error')
def test_any_names_of_cameras_can_be_drawn():
    """Names that matplotlib takes for formulas, has no glyphs for, or that fill the figure."""
    names = ['a$b$c', '$\\frac{', '日本', 'x' * 500, 'a\nb']
    figure = draw_dataset_plots(
        entries(tuple(range(5))), [(128, 64)], '$\\frac{ 日', camera_name=names.__getitem__
    )
    figure.canvas.draw()
    shown = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert shown[:3] == ['a$b$c', '$\\frac{', r'\u65e5\u672c']
    assert len(shown[3]) < 50
    assert shown[4] == r'a\nb'
    assert figure.axes[1].get_window_extent().height > 100
