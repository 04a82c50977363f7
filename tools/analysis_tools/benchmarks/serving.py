"""Searches over HTTP, as ``msvitreid serve`` answers them: one after another, and 50 at once.

By id, so no net computes: the vectors are made. Server and client are of one process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import uvicorn

from msvitreid.gallery import EmbeddedGallery
from msvitreid.serving import MarkStore, create_app

from .gallery import add_all
from .ranges import check_at_least
from .results import Result

NAME = 'serve'
K = 24
MODEL = 'benchmark'


class NoNet:
    """Stands for the inferencer of the gallery's model, which a search by id does not ask."""

    fingerprint = MODEL

    def embed(self, *images: Any, **options: Any) -> None: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(rounds=50)
    parser.add_argument('--rows', type=int, default=100_000, metavar='N')
    parser.add_argument('--dimension', type=int, default=2560, metavar='D')
    parser.add_argument('--at-once', type=int, default=50, metavar='Q', help='searches')
    parser.add_argument(
        '--folder',
        type=Path,
        metavar='FOLDER',
        help='for the gallery (default: the system says)',
    )


def run(args: argparse.Namespace) -> list[Result]:
    check_at_least(args, 1, 'rows', 'dimension', 'at_once')
    case = f'{args.rows:,} x {args.dimension}'
    with TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / 'gallery'
        add_all(path, args.rows, args.dimension, 'float32')
        with serving(path) as port:
            search(port, 0)
            alone = [search(port, n * args.rows // args.rounds) for n in range(args.rounds)]
            started = time.perf_counter()
            with ThreadPoolExecutor(args.at_once) as pool:
                wanted = [n * args.rows // args.at_once for n in range(args.at_once)]
                together = list(pool.map(search, [port] * args.at_once, wanted))
            elapsed = time.perf_counter() - started
    late = f'p95 {percentile(together):.3g} s; all of {args.at_once} in {elapsed:.3g} s'
    return [
        Result(
            NAME,
            f'{case}: search by id',
            'one after another',
            tuple(alone),
            note=f'p95 {percentile(alone):.3g} s',
        ),
        Result(
            NAME, f'{case}: search by id', f'{args.at_once} at once', tuple(together), note=late
        ),
    ]


@contextmanager
def serving(path: Path) -> Iterator[int]:
    """A server of a gallery in a thread; its port."""
    with (
        EmbeddedGallery.open(path, readonly=True) as gallery,
        socket.create_server(('127.0.0.1', 0), backlog=512) as listening,
    ):
        marks = MarkStore(path.with_name('marks.sqlite'))
        app = create_app(gallery, NoNet(), marks=marks)  # type: ignore[arg-type]
        server = uvicorn.Server(uvicorn.Config(app, log_level='warning', access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
            marks.close()


def search(port: int, number: int) -> float:
    """Seconds of a search with an item.

    Raises:
        RuntimeError: the answer is not that item's.
    """
    id_ = f'image-{number:08d}.jpg'
    body = json.dumps({'id': id_, 'k': K})
    started = time.perf_counter()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=300)
    connection.request('POST', '/api/search', body, {'Content-Type': 'application/json'})
    answer = connection.getresponse()
    content = json.load(answer)
    connection.close()
    seconds = time.perf_counter() - started
    if answer.status != 200 or content['query']['gallery'] != id_ or not content['hits']:
        raise RuntimeError(f'the search with {id_} was answered {answer.status}: {content}')
    return seconds


def percentile(seconds: list[float]) -> float:
    return float(np.percentile(seconds, 95))
