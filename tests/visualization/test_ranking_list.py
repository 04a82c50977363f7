from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image, ImageDraw

from msvitreid.errors import DatasetError
from msvitreid.visualization import RankingListLayout, draw_ranking_lists
from msvitreid.visualization.ranking_list import DIFFERENT, SAME, UNKNOWN
from tests.hostile.limits import limits

BLUE, GOLD = (20, 40, 200), (230, 190, 30)
EMPTY = (241, 242, 244)


@pytest.fixture
def paths(tmp_path):
    def save(name, color, size=(64, 128)):
        path = tmp_path / name
        Image.new('RGB', size, color).save(path)
        return path

    query = [save('q0.png', BLUE), save('q1.png', GOLD)]
    return query, [save(f'g{i}.png', (BLUE, GOLD)[i % 2]) for i in range(4)]


def pixels(picture, box):
    """Colors of the frame's top left corner and of the thumbnail's middle."""
    left, top, right, bottom = box
    return (
        picture.getpixel((left, top)),
        picture.getpixel(((left + right) // 2, (top + bottom) // 2)),
    )


def test_frames_thumbnails_and_empty_places_are_where_the_layout_says(paths):
    query, gallery = paths
    matches = np.array([[0, 1, 2, 3, -1], [3, 0, -1, -1, -1]])
    picture = draw_ranking_lists(query, gallery, matches, [7, 8], [7, 8, 7, 8])
    layout = RankingListLayout((64, 128), 5)
    assert picture.mode == 'RGB'
    assert picture.size[1] == layout.size(2)[1]
    assert pixels(picture, layout.query_box(0))[1] == BLUE
    assert pixels(picture, layout.query_box(1))[1] == GOLD
    for row, found in enumerate(matches):
        for column, index in enumerate(found):
            frame, middle = pixels(picture, layout.match_box(row, column))
            if index < 0:
                assert (frame, middle) == (EMPTY, EMPTY)
            else:
                assert frame == (SAME if index % 2 == row else DIFFERENT)
                assert middle == (BLUE, GOLD)[index % 2]


def test_geometry():
    layout = RankingListLayout((64, 128), 10)
    assert layout.size(5) == (944, 874)
    assert layout.query_box(0) == (24, 48, 96, 184)
    assert layout.match_box(1, 2) == (288, 210, 360, 346)
    assert RankingListLayout((32, 32), 3).query_box(0)[2:] == (21 + 38, 43 + 38)


def test_frame_goes_all_around(paths):
    query, gallery = paths
    picture = np.asarray(draw_ranking_lists(query, gallery, [[0], [0]], [7, 8], [7] * 4))
    left, top, right, bottom = RankingListLayout((64, 128), 1).match_box(0, 0)
    cell = picture[top:bottom, left:right]
    assert (cell[[0, 3, -4, -1]] == SAME).all()
    assert (cell[:, [0, 3, -4, -1]] == SAME).all()
    assert (cell[4:-4, 4:-4] == BLUE).all()
    assert (picture[top - 1, left:right] == 255).all()


def test_captions_differ_with_similarity(paths):
    query, gallery = paths
    args = (query, gallery, [[0], [1]], [7, 8], [7, 8, 7, 8])
    plain = draw_ranking_lists(*args)
    scored = draw_ranking_lists(*args, similarity=[[0.91], [0.5]])
    assert plain.size == scored.size
    changed = np.argwhere((np.asarray(plain) != np.asarray(scored)).any(axis=2))
    layout = RankingListLayout((64, 128), 1)
    first_bottom = layout.match_box(0, 0)[3]
    assert changed[:, 0].min() >= first_bottom
    assert changed[:, 1].min() >= layout.match_box(0, 0)[0]


def test_aspect_ratio_is_kept(tmp_path, paths):
    wide = tmp_path / 'wide.png'
    Image.new('RGB', (200, 50), BLUE).save(wide)
    picture = draw_ranking_lists([wide], [wide], [[0]], [1], [1], thumb=(80, 80))
    left, top, right, bottom = RankingListLayout((80, 80), 1).match_box(0, 0)
    assert picture.getpixel(((left + right) // 2, (top + bottom) // 2)) == BLUE
    assert picture.getpixel(((left + right) // 2, top + 15)) == EMPTY


def test_saved_picture_is_the_returned_one(tmp_path, paths):
    query, gallery = paths
    out = tmp_path / 'new' / 'ranking.png'
    picture = draw_ranking_lists(query, gallery, [[0], [1]], [7, 8], [7, 8, 7, 8], out=out)
    with Image.open(out) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(picture))


def test_an_unreadable_image_is_named(tmp_path, paths):
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'not an image')
    for path in (broken, tmp_path / 'missing.jpg'):
        with pytest.raises(DatasetError, match=path.name):
            draw_ranking_lists([path], paths[1], [[0]], [7], [7] * 4)


@pytest.mark.parametrize(
    ('matches', 'query_pids', 'gallery_pids', 'similarity', 'message'),
    [
        ([[0]], [7, 8], [7] * 4, None, r'matches must be \(Q, k\)'),
        ([0, 1], [7, 8], [7] * 4, None, r'matches must be \(Q, k\)'),
        ([[0], [1]], [7], [7] * 4, None, '1 query_pids'),
        ([[0], [1]], [7, 8], [7], None, '4 gallery_paths but 1 gallery_pids'),
        ([[0], [1]], [7, 8], [7] * 4, [[1.0]], 'shape of matches'),
    ],
)
def test_lengths_that_disagree(paths, matches, query_pids, gallery_pids, similarity, message):
    with pytest.raises(ValueError, match=message):
        draw_ranking_lists(*paths, matches, query_pids, gallery_pids, similarity)


def test_without_a_query(paths):
    with pytest.raises(ValueError, match='no query'):
        draw_ranking_lists([], paths[1], np.empty((0, 3)), [], [7] * 4)


def test_identities_may_be_names(paths, monkeypatch):
    """Names in pictures: what the user calls an identity, not its number."""
    written = []
    draw = ImageDraw.ImageDraw.text
    monkeypatch.setattr(
        ImageDraw.ImageDraw,
        'text',
        lambda self, xy, text, *a, **k: written.append(text) or draw(self, xy, text, *a, **k),
    )
    names = ['066', 'anna', '066', 'anna']
    picture = draw_ranking_lists(*paths, [[0, 1], [1, 0]], names[:2], names)
    assert 'id 066' in written
    box = RankingListLayout((64, 128), 2).match_box(0, 0)
    assert pixels(picture, box)[0] == SAME


def test_images_are_read_as_the_net_reads_them(tmp_path):
    """Kinds: orientation and 16 bits, which Pillow alone leaves out or cuts off at 255."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (80, 40), BLUE).save(tmp_path / 'turned.png', exif=exif)
    Image.fromarray(np.full((80, 40), 128 << 8, np.uint16)).save(tmp_path / 'deep.png')
    files = [tmp_path / 'turned.png', tmp_path / 'deep.png']
    picture = draw_ranking_lists(files[:1], files, [[1]], [1], [1, 1], thumb=(40, 80))
    layout = RankingListLayout((40, 80), 1)
    left, top, right, _ = layout.query_box(0)
    assert picture.getpixel(((left + right) // 2, top + layout.frame + 2)) == BLUE
    assert pixels(picture, layout.match_box(0, 0))[1] == (128, 128, 128)


def test_a_pipe_is_not_waited_for(tmp_path, paths):
    """Special files end in an error, wherever images are looked at."""
    os.mkfifo(tmp_path / 'pipe.jpg')
    with limits(), pytest.raises(DatasetError, match=r'pipe\.jpg'):
        draw_ranking_lists([tmp_path / 'pipe.jpg'], paths[1], [[0]], [7], [7] * 4)


@pytest.mark.parametrize('name', ['line\nbreak', 'n' * 10**4, '日本', 'a\u202eb', '\x1b[31m'])
def test_any_name_stays_below_its_query(name, paths):
    """A newline in a name ended in an error of Pillow, a long one covered the matches."""
    query, gallery = paths
    given = (query[:1], gallery, np.array([[0, 1]]))
    plain = draw_ranking_lists(*given, np.array(['']), np.array(['x'] * 4))
    named = draw_ranking_lists(*given, np.array([name]), np.array(['x'] * 4))
    assert named.size == plain.size
    changed = np.argwhere((np.asarray(named) != np.asarray(plain)).any(axis=2))
    layout = RankingListLayout((64, 128), 2)
    assert changed[:, 0].min() >= layout.query_box(0)[3]
    assert changed[:, 1].min() > 0
    assert changed[:, 1].max() < layout.match_box(0, 0)[0]


def test_unknown_identities_are_framed_gray(paths):
    query, gallery = paths
    picture = draw_ranking_lists(
        query, gallery, [[0, 1], [2, 3]], ['a', None], ['a', 1, 'a', 2]
    )
    layout = RankingListLayout((64, 128), 2)
    frames = [
        pixels(picture, layout.match_box(row, column))[0] for row in (0, 1) for column in (0, 1)
    ]
    assert frames == [SAME, DIFFERENT, UNKNOWN, UNKNOWN]
    none = draw_ranking_lists(query, gallery, [[0, 1], [2, 3]], [None] * 2, [1, 2, 3, 4])
    assert pixels(none, layout.match_box(0, 0))[0] == UNKNOWN


def test_images_that_are_not_there_are_gray_tiles(tmp_path, paths):
    query, gallery = paths
    gone = tmp_path / ('not there ' * 30 + '.jpg')
    missing = []
    picture = draw_ranking_lists(
        [query[0]], [gallery[0], gone], [[0, 1]], [1], [1, 2], missing=missing
    )
    assert missing == [str(gone)]
    left, top, _, _ = RankingListLayout((64, 128), 2).match_box(0, 1)
    assert picture.getpixel((left, top)) == DIFFERENT
    assert picture.getpixel((left + 6, top + 6)) == (205, 208, 212)
