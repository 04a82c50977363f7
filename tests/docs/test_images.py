"""docs/images; class of faults: a picture that nothing shows, or that is large."""

from __future__ import annotations

import re

from tests.tools.user import REPOSITORY

IMAGES = REPOSITORY / 'docs' / 'images'
MADE = ('demo_ranking', 'page', 'page_phone', 'report', 'review', 'report_queries')


def test_pictures_of_pages_are_shown_and_below_200_kb():
    pages = [REPOSITORY / 'README.md', *(REPOSITORY / 'docs' / 'en').glob('*.md')]
    text = ''.join(page.read_text(encoding='utf-8') for page in pages)
    shown = set(re.findall(r'images/([\w.]+)\)', text))
    assert {file.name for file in IMAGES.iterdir() if file.suffix != '.py'} == shown
    for name in MADE:
        assert (IMAGES / f'{name}.jpg').stat().st_size < 200_000
