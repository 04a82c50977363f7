"""One Chromium for the folder, and for each test a server, a fresh profile and a list of faults."""

from __future__ import annotations

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from msvitreid.apis import ReIDInferencer
from msvitreid.demo.drawn import make_synthetic
from msvitreid.gallery import open_gallery
from tests.apis.tiny_model import write_tiny_model

from .crowd import Crowd, make_gallery
from .faults import Faults

#: Pictures of the pages, which a person may look at; ignored by git.
OUTPUT = Path(__file__).with_name('output')
NO_CHROMIUM = (
    'the browser tests need Chromium: `make test` installs it, or let the variable CHROMIUM '
    "name it; `pytest -m 'not browser'` leaves them out"
)
WIDE, NARROW = {'width': 1280, 'height': 900}, {'width': 390, 'height': 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker('browser')


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Leave a picture of what the browser showed when a test failed."""
    report = yield
    pages = getattr(item, 'funcargs', {}).get('pages')
    if report.when == 'call' and report.failed and pages:
        OUTPUT.mkdir(exist_ok=True)
        name = re.sub(r'\W+', '_', item.name)
        pages[-1].screenshot(path=OUTPUT / f'failed_{name}.png')
    return report


@pytest.fixture(scope='package')
def browser() -> Iterator[Any]:
    """Chromium; of the package, since its event loop must not run during other tests."""
    from playwright.sync_api import sync_playwright

    names = [os.environ.get('CHROMIUM'), 'chromium', 'chromium-browser', 'google-chrome']
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if found is None:
        pytest.fail(NO_CHROMIUM)
    # Chromium's sandbox does not run as root; the pages here are our own.
    options = ['--no-sandbox'] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def faults() -> Iterator[Faults]:
    """What the pages of a test did wrong; the test fails if there is any at its end."""
    faults = Faults()
    yield faults
    assert faults.unexpected() == []


@pytest.fixture
def pages() -> list[Any]:
    """All pages that the test opened."""
    return []


@pytest.fixture
def open_page(browser, faults, pages) -> Iterator[Any]:
    """``open_page(url, viewport=WIDE, **options of the profile)``: a page of a fresh profile."""
    with ExitStack() as stack:

        def open_page(url: str, viewport: dict[str, int] = WIDE, **options: Any) -> Any:
            profile = browser.new_context(
                base_url=url, viewport=viewport, locale='en-US', **options
            )
            stack.callback(profile.close)
            profile.set_default_timeout(10_000)
            page = profile.new_page()
            faults.watch(page, url)
            pages.append(page)
            page.goto(url)
            return page

        yield open_page


@pytest.fixture(scope='session')
def crowd(tmp_path_factory) -> Crowd:
    """24 drawn images of 6 people, three cameras, their gallery and a tiny model."""
    folder = tmp_path_factory.mktemp('crowd')
    inferencer = ReIDInferencer(write_tiny_model(folder), device='cpu')
    make_synthetic(
        folder / 'data',
        num_train_ids=2,
        images_per_id=2,
        num_test_ids=6,
        gallery_per_id=4,
        queries_per_id=1,
        num_cams=3,
        workers=1,
    )
    data = folder / 'data' / 'Occluded_Duke'
    images = data / 'bounding_box_test'
    gallery = make_gallery(folder / 'people.gallery', images, inferencer)
    return Crowd(gallery, images, inferencer, sorted((data / 'query').iterdir()))


@pytest.fixture
def serve(crowd, tmp_path) -> Iterator[Any]:
    """``serve(gallery=None, **options of create_app)``: a server with no marks; its URL."""
    import uvicorn

    from msvitreid.serving import MarkStore, create_app

    with ExitStack() as stack:

        def serve(gallery: Path | None = None, **options: Any) -> str:
            opened = open_gallery(gallery or crowd.gallery, readonly=True)
            stack.callback(opened.close)
            if 'marks' not in options:
                options['marks'] = MarkStore(tmp_path / 'marks.sqlite')
                stack.callback(options['marks'].close)
            app = create_app(opened, crowd.inferencer, **options)
            listening = stack.enter_context(socket.create_server(('127.0.0.1', 0)))
            server = uvicorn.Server(uvicorn.Config(app, log_level='warning', access_log=False))
            thread = threading.Thread(target=server.run, args=([listening],))
            thread.start()

            def end() -> None:
                server.should_exit = True
                thread.join()

            stack.callback(end)
            return f'http://127.0.0.1:{listening.getsockname()[1]}/'

        yield serve


@pytest.fixture
def page(serve, open_page) -> Any:
    """The search page of the crowd, 1280 pixels wide."""
    return open_page(serve())
