from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from msvitreid.visualization import SheetRow, draw_contact_sheet

RED, BLUE, WHITE = (200, 30, 30), (20, 40, 200), (255, 255, 255)


def plain(color: tuple, size: tuple[int, int] = (64, 32)) -> np.ndarray:
    return np.full((*size, 3), color, np.uint8)


def blocks(sheet: Image.Image, color: tuple) -> list[tuple[int, int, int, int]]:
    """Top, left, height and width of the full rectangles of a color, in reading order."""
    mask = (np.asarray(sheet) == color).all(axis=2)
    found = []
    while mask.any():
        top, left = np.argwhere(mask)[0]
        width = int(np.argmin(np.append(mask[top, left:], False)))
        height = int(np.argmin(np.append(mask[top:, left], False)))
        assert mask[top : top + height, left : left + width].all()
        mask[top : top + height, left : left + width] = False
        found.append((int(top), int(left), height, width))
    return found


def test_every_image_has_its_place():
    rows = [
        SheetRow('id 1', [plain(RED), plain(BLUE), plain(RED)], ['a', 'b', 'c']),
        SheetRow('id 22', [plain(BLUE)], ['']),
    ]
    sheet = draw_contact_sheet(rows, 'title', thumb_height=64)
    red, blue = blocks(sheet, RED), blocks(sheet, BLUE)
    assert [block[2:] for block in red + blue] == [(64, 32)] * 4
    (top, left, *_), (same_top, right, *_) = red
    assert same_top == top
    assert [blue[0][:2], blue[1][1]] == [(top, (left + right) // 2), left]
    assert blue[1][0] > top + 64


def test_images_are_scaled_to_the_height_and_keep_their_aspect():
    row = SheetRow('x', [plain(RED, (384, 128))], [''])
    sheet = draw_contact_sheet([row], '', thumb_height=96)
    assert [block[2:] for block in blocks(sheet, RED)] == [(96, 32)]


def test_label_and_caption_are_beside_and_below():
    def drawn(label: str, caption: str) -> np.ndarray:
        row = SheetRow(label, [plain(RED)], [caption])
        return np.asarray(draw_contact_sheet([row], 'title', thumb_height=64))

    bare = drawn('wwww', '')
    (top, left, height, width) = blocks(Image.fromarray(bare), RED)[0]
    changed = np.argwhere((drawn('wwww', 'c1') != bare).any(axis=2))
    assert changed[:, 0].min() >= top + height
    assert left <= changed[:, 1].min() <= changed[:, 1].max() < left + width
    labeled = np.argwhere((bare[top : top + height, :left] != WHITE).any(axis=2))
    assert len(labeled)


def test_a_long_title_widens_the_sheet():
    row = SheetRow('x', [plain(RED)], [''])
    short, long = (draw_contact_sheet([row], title) for title in ('t', 'title ' * 30))
    assert long.width > short.width
    last_columns = np.asarray(long)[:, -10:]
    assert (last_columns == 255).all()


def test_the_saved_picture_is_the_returned_one(tmp_path):
    out = tmp_path / 'new' / 'sheet.png'
    sheet = draw_contact_sheet([SheetRow('x', [plain(RED)], [''])], 'title', out=out)
    with Image.open(out) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(sheet))


def test_bad_rows():
    with pytest.raises(ValueError, match='no image'):
        draw_contact_sheet([SheetRow('x', [], [])], 'title')
    with pytest.raises(ValueError, match='zip'):
        draw_contact_sheet([SheetRow('x', [plain(RED)], [])], 'title')


def test_captions_do_not_run_into_each_other():
    """The class: text wider than what it belongs to."""
    images = [plain(RED), plain(BLUE)]

    def drawn(*captions: str) -> Image.Image:
        return draw_contact_sheet([SheetRow('id', images, captions)], '', thumb_height=64)

    both = np.asarray(drawn('camera north gate', 'camera south gate'))
    (_, left, _, width), (_, right, *_) = (
        blocks(Image.fromarray(both), color)[0] for color in (RED, BLUE)
    )
    below = (both[-30:] != WHITE).any(axis=(0, 2))
    between = below[left + width // 2 : right + width // 2]
    gaps = ''.join('x' if ink else ' ' for ink in between).strip('x').split('x')
    assert max(map(len, gaps)) >= 6
    endless = drawn('y' * 10**5, '\n日本')
    assert endless.width < 1000
