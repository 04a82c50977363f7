"""A made test set of noise images and features, as an embedded run."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.evaluation.metrics import ReIDMetric
from msvitreid.evaluation.metrics.embeddings import Embeddings, file_id
from msvitreid.visualization.report import TestedRun

SCRIPT = '<script>alert(1)</script>'


def made_run(folder: Path, metric=None, name: str = 'run', **changes) -> TestedRun:
    """6 queries of 3 identities, 18 gallery images of 4; three cameras; images 32x16."""
    rng = np.random.default_rng(0)
    parts, files, is_query = [], [], []
    for split, count, identities in (('query', 6, 3), ('gallery', 18, 4)):
        pids, camids = np.arange(count) % identities, np.arange(count) // identities % 3
        own = np.eye(8)[pids] + rng.normal(0, 0.6, (count, 8))
        parts.append((own / np.linalg.norm(own, axis=1, keepdims=True), pids, camids))
        own_files = [str(folder / split / f'{i}_<b>&.png') for i in range(count)]
        (folder / split).mkdir(parents=True, exist_ok=True)
        for file in own_files:
            pixels = rng.integers(0, 256, (32, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(file)
        files += own_files
        is_query += [split == 'query'] * count
    features, pids, camids = map(np.concatenate, zip(*parts, strict=True))
    images = Embeddings(
        torch.from_numpy(features).float(),
        pids,
        camids,
        np.arange(len(files)),
        np.array(is_query),
        np.array([file_id(file) for file in files]),
        np.full(len(files), ''),
    )
    given = {
        'names': IdNames({0: SCRIPT}, {1: '"><img src=http://example.org>'}),
        'tested': {'Config': SCRIPT},
        'config_text': f'# {SCRIPT} </pre>',
        **changes,
    }
    return TestedRun(name, images, files, metric or ReIDMetric(), str(folder), **given)


class Page(HTMLParser):
    """A page's elements; checks that they are closed in order."""

    VOID = ('meta', 'img', 'br', 'input', 'path', 'circle')

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ('script', 'style'):
            self.words.append(data)

    @property
    def text(self) -> str:
        return ''.join(self.words)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [a for _, a in self.elements if name in (a.get('class') or '').split()]
