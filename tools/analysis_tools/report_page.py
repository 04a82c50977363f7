"""Measure a report of a large made test: its size, and how long Chromium takes to open it.

Random unit embeddings of drawn pedestrians (hard links of a few hundred pictures). Needs a Chromium
and Playwright's Python package.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.demo.drawn import make_synthetic
from msvitreid.evaluation.metrics import ReIDMetric
from msvitreid.evaluation.metrics.embeddings import Embeddings, file_id
from msvitreid.visualization.report import Report, TestedRun, measure_run, write_report

DIMENSION = 256
IDENTITIES = 700
CAMERAS = 6


def made_run(folder: Path, queries: int, gallery: int) -> TestedRun:
    """Embeddings around one random direction an identity, so that some queries find theirs."""
    rng = np.random.default_rng(0)
    make_synthetic(folder / 'drawn', num_train_ids=2, num_test_ids=40, images_per_id=2)
    drawn = sorted((folder / 'drawn').rglob('*.jpg'))
    count = queries + gallery
    files = []
    for row in range(count):
        split = 'query' if row < queries else 'gallery'
        path = folder / 'set' / split / f'{row:06d}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(drawn[row % len(drawn)], path)
        files.append(str(path))
    pids = rng.integers(0, IDENTITIES, count)
    centers = rng.standard_normal((IDENTITIES, DIMENSION), dtype=np.float32)
    features = centers[pids] + 2 * rng.standard_normal((count, DIMENSION), dtype=np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    images = Embeddings(
        torch.from_numpy(features),
        pids,
        rng.integers(1, CAMERAS + 1, count),
        np.arange(count),
        np.arange(count) < queries,
        np.array([file_id(file) for file in files]),
        np.full(count, ''),
    )
    tested = {'Dataset': f'made, {queries:,} queries, {gallery:,} gallery images'}
    return TestedRun('made', images, files, ReIDMetric(), str(folder), IdNames(), tested)


def opening_times(page: Path, chromium: str, rounds: int) -> list[float]:
    """Seconds from asking for the page to its load event, in a fresh context each."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        for _ in range(rounds):
            context = browser.new_context(viewport={'width': 1280, 'height': 900})
            tab = context.new_page()
            start = time.perf_counter()
            tab.goto(page.resolve().as_uri(), wait_until='load')
            # The first frame after it, when all can be seen.
            tab.evaluate('() => new Promise((done) => requestAnimationFrame(() => done()))')
            times.append(time.perf_counter() - start)
            context.close()
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--queries', type=int, default=3000)
    parser.add_argument('--gallery', type=int, default=16000)
    parser.add_argument('--resamples', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--chromium', default=shutil.which('chromium') or 'chromium')
    parser.add_argument('--out', type=Path, help='keep the page there')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = made_run(folder, args.queries, args.gallery)
        start = time.perf_counter()
        facts = measure_run(run, args.resamples)
        measured = time.perf_counter()
        page, numbers = write_report(Report([facts]), args.out or folder / 'report.html')
        written = time.perf_counter()
        times = opening_times(page, args.chromium, args.rounds)
        print(f'measured in {measured - start:.1f} s, written in {written - measured:.1f} s')
        print(f'{page.stat().st_size / 1e6:.2f} MB, JSON {numbers.stat().st_size / 1e6:.2f} MB')
        print(
            f'opens in {statistics.median(times):.2f} s (median of {len(times)}; '
            f'{min(times):.2f} to {max(times):.2f})'
        )


if __name__ == '__main__':
    main()
