from __future__ import annotations

import pytest

from msvitreid.visualization._captions import drawable, drawable_title, fitted, load_font


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('anna 12', 'anna 12'),
        ('José Жук · ü', 'José Жук · ü'),
        ('日本', r'\u65e5\u672c'),
        ('\U0001fae8', r'\U0001fae8'),
        ('a\nb', r'a\nb'),
        ('a\u202egpj', r'a\u202egpj'),
        ('\x1b[31m', r'\x1b[31m'),
        ('\udcff', r'\udcff'),
        ('', ''),
    ],
)
def test_what_the_font_lacks_is_escaped(name, shown):
    """Boxes in place of letters, in which all names look alike."""
    assert drawable(name) == shown


def test_a_long_name_keeps_both_ends():
    """Names longer than their cell, which ran over their neighbors."""
    font = load_font(12)
    name = f'person_{"0" * 60}17'
    shown = fitted(name, font, 100)
    assert font.getlength(shown) <= 100 < font.getlength(shown + '00')
    assert shown.startswith('person')
    assert shown.endswith('17')
    assert shown.count('…') == 1
    assert fitted('short', font, 100) == 'short'
    assert fitted('x' * 10**6, font, 100).count('x') < 20
    assert fitted('name', font, 0) == '…'


def test_a_long_title_has_lines():
    """Titles wider than their picture, which were cut on both sides: 132 characters on 6 inches."""
    title = 'own-person-128x64, work_dirs/a/averaged.pth, ' * 3
    lines = drawable_title(title, 6.0).split('\n')
    assert len(lines) == 3
    assert max(map(len, lines)) <= 66
    assert drawable_title('short', 6.0) == 'short'
