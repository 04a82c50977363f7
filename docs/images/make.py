"""Make the pictures of the page, of the report and of ranking lists in this folder.

    python docs/images/make.py work_dirs/demo

after ``msvitreid demo``: all people are drawn. Needs Chromium and the extras serve and test.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from msvitreid.cli import report
from msvitreid.demo.run import draw_ranking_picture, embed, load_demo_config

HERE = Path(__file__).parent
WIDE, NARROW = {'width': 1280, 'height': 860}, {'width': 390, 'height': 860}
#: What is searched with, the second query of the ranking lists, and the hits that are marked.
QUERY, MARKED = 22, (0, 1, 2, 5, 6, 7)
TO_TOP = 'one => one.scrollIntoView()'
SERVE = 'import pathlib, sys; from msvitreid.cli.demo import serve_demo; '
SERVE += 'serve_demo(pathlib.Path(sys.argv[1]))'


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='of the demo')
    parser.add_argument('--chromium', default='chromium', metavar='FILE')
    args = parser.parse_args()
    draw_ranking(args.work_dir)
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(args.chromium), args=['--no-sandbox']
        )
        with served(args.work_dir) as url:
            queries = sorted((args.work_dir / 'data/Occluded_Duke/query').iterdir())
            show_page(browser, url, queries[QUERY])
            show_review(browser, url)
        file = Path(folder) / 'report.html'
        data = f'data_root={args.work_dir / "data"}'
        report.main([str(args.work_dir / 'train'), '--out', str(file), '--cfg-options', data])
        show_report(browser, file)
        browser.close()


def draw_ranking(work_dir: Path) -> None:
    """``demo_ranking.jpg``: the demo's picture, in a file that is small enough for a page."""
    cfg = load_demo_config(work_dir, {})
    images = embed(cfg, 'averaged', work_dir / 'train' / 'averaged.pth')
    with TemporaryDirectory() as folder:
        draw_ranking_picture(images, Path(folder) / 'ranking.png')
        with Image.open(Path(folder) / 'ranking.png') as picture:
            picture.save(HERE / 'demo_ranking.jpg', quality=65, optimize=True)


@contextmanager
def served(work_dir: Path) -> Iterator[str]:
    """The address of ``msvitreid demo --serve`` without the demo."""
    command = [sys.executable, '-u', '-c', SERVE, str(work_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout or ():
                if line.startswith('serving '):
                    yield line.split()[1]
                    break
            else:
                raise SystemExit('the server did not start')
        finally:
            process.terminate()


def show_page(browser: Any, url: str, query: Path) -> None:
    """``page.jpg`` and ``page_phone.jpg``: hits of a query, some of them marked."""
    page = browser.new_page(viewport=WIDE)
    page.goto(url)
    page.set_input_files('#file', query)
    for number in MARKED:
        hit = page.locator('.hit').nth(number)
        is_right = hit.locator('.hit-id').text_content().startswith(query.name[:4])
        hit.get_by_role('button', name='Same' if is_right else 'Different').click()
        page.locator('#status', has_text=f'Result {number + 1} marked').wait_for()
    page.wait_for_load_state('networkidle')
    for viewport, name in ((WIDE, 'page.jpg'), (NARROW, 'page_phone.jpg')):
        page.set_viewport_size(viewport)
        page.locator('header' if viewport is WIDE else '#results').evaluate(TO_TOP)
        save(page, name)
    # The marks are for the picture only.
    for _ in MARKED:
        page.locator('#undo').click()
        page.locator('#status', has_text='Undone').wait_for()


def show_review(browser: Any, url: str) -> None:
    """``review.jpg``: a group of similar images, one of which is removed."""
    page = browser.new_page(viewport=WIDE)
    page.goto(f'{url}review#groups')
    page.get_by_role('button', name='Show groups').click()
    page.locator('#group-list .tile').nth(1).press('x', timeout=120_000)
    page.wait_for_load_state('networkidle')
    page.locator('header').evaluate(TO_TOP)
    save(page, 'review.jpg')


def show_report(browser: Any, file: Path) -> None:
    """``report.jpg``: figures and curves; ``report_queries.jpg``: what queries found."""
    page = browser.new_page(viewport={'width': 1280, 'height': 1100})
    page.goto(file.as_uri())
    save(page, 'report.jpg')
    page.locator('#queries').evaluate(TO_TOP)
    save(page, 'report_queries.jpg')


def save(page: Any, name: str) -> None:
    """Keep what the window shows, as JPEG below 200 kB."""
    page.screenshot(path=HERE / name, type='jpeg', quality=75)


if __name__ == '__main__':
    main()
