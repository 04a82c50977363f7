"""Style; class of faults: settings that stay, colors that look alike, half-written files."""

from __future__ import annotations

import resource

import matplotlib
import numpy as np
import pytest
from PIL import Image

from msvitreid.errors import ConfigError, OutputError
from msvitreid.visualization import style


def test_settings_end_with_the_block():
    before = dict(matplotlib.rcParams)
    with style.drawing(2, 2) as figure:
        figure.subplots().set_title('$')
        assert matplotlib.rcParams['text.parse_math'] is False
    assert dict(matplotlib.rcParams) == before


def test_colors_are_okabe_and_itos():
    assert len(set(style.COLORS)) == 7
    assert (style.BLUE, style.VERMILION, style.GREEN) == ('#0072b2', '#d55e00', '#009e73')
    assert style.rgb(style.SAME) == (0, 158, 115)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.pdf', '.PNG'])
def test_formats_of_both_kinds_of_pictures(tmp_path, suffix):
    with style.drawing(2, 2) as figure:
        figure.subplots()
    style.save(figure, tmp_path / 'new' / f'figure{suffix}')
    style.save(Image.new('RGB', (8, 8)), tmp_path / f'image{suffix}')
    starts = {'.png': b'\x89PNG', '.jpg': b'\xff\xd8', '.pdf': b'%PDF'}
    for file in (tmp_path / 'new' / f'figure{suffix}', tmp_path / f'image{suffix}'):
        assert file.read_bytes().startswith(starts[suffix.lower()])


@pytest.mark.parametrize('name', ['a.gif', 'a', 'png'])
def test_another_format(tmp_path, name):
    with pytest.raises(ConfigError, match=r'\.png'):
        style.save(Image.new('RGB', (8, 8)), tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['a.jpg', 'a.jpeg', 'a.png', 'a.pdf'])
@pytest.mark.parametrize('limit', [0, 100, 5000])
def test_a_full_disk_is_noticed(name, limit, tmp_path):
    """Class of faults: exit code 0 and a truncated JPEG, as Pillow passes over a short write.

    Of a JPEG of 16,513 bytes the first 100 or 5,000 were there.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    path = tmp_path / name
    path.write_bytes(b'before')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(OutputError, match=name):
            style.save(Image.fromarray(pixels), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b'before']


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / 'a.png').mkdir()
    with pytest.raises(OutputError, match=r'a\.png'):
        style.save(Image.new('RGB', (8, 8)), tmp_path / 'a.png')
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
