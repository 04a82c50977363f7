"""What holds for every page and section: accessible, no wider than the window; and its picture."""

from __future__ import annotations

from typing import Any

from .conftest import NARROW, OUTPUT, WIDE

RULES = {'runOnly': {'type': 'tag', 'values': ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}}


def check_looks(page: Any, name: str) -> None:
    """Check a page as it is now, light and dark, at 1280 and 390 pixels; leave pictures of it.

    Pictures are ``output/NAME_WIDTH.png``. The page is 1280 pixels wide and light afterwards.
    """
    OUTPUT.mkdir(exist_ok=True)
    for viewport, scheme in ((NARROW, 'dark'), (WIDE, 'light')):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        width = viewport['width']
        page.screenshot(path=OUTPUT / f'{name}_{width}.png', full_page=True)
        check_no_horizontal_scroll(page)
        check_accessible(page)


def check_accessible(page: Any) -> None:
    """No violation of WCAG 2.1 A and AA that axe-core finds."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=RULES).response['violations']
    faults = [
        f'{one["id"]}: {node["target"]} {node["failureSummary"]}'
        for one in found
        for node in one['nodes']
    ]
    assert not faults, '\n'.join(faults)


def check_no_horizontal_scroll(page: Any) -> None:
    """Nothing is wider than the window."""
    root = 'document.documentElement'
    assert page.evaluate(f'{root}.scrollWidth - {root}.clientWidth') == 0
