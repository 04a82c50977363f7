"""What holds for every page and section: accessible, no wider than the window; and its picture."""

from __future__ import annotations

from typing import Any

from .conftest import NARROW, OUTPUT, WIDE

OPTIONS = {
    'runOnly': {'type': 'tag', 'values': ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']},
    # Descriptions of what is right take half of the time.
    'resultTypes': ['violations'],
}


def check_looks(page: Any, name: str, part: str | None = None) -> None:
    """Check a page as it is now, light and dark, at 1280 and 390 pixels; leave pictures of it.

    Pictures are ``output/NAME_WIDTH.png``. The page is 1280 pixels wide and light afterwards.

    Args:
        page: of Playwright.
        name: of the pictures.
        part: a selector of what is new, such as a dialog; the rest was checked before.
    """
    OUTPUT.mkdir(exist_ok=True)
    for viewport, scheme in ((NARROW, 'dark'), (WIDE, 'light')):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        file = OUTPUT / f'{name}_{viewport["width"]}.png'
        page.screenshot(path=file, full_page=part is None)
        check_no_horizontal_scroll(page)
        check_accessible(page, part)


def check_accessible(page: Any, part: str | None = None) -> None:
    """No violation of WCAG 2.1 A and AA that axe-core finds in the page or a part of it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, part, OPTIONS).response['violations']
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
