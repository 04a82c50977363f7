"""Ranking, re-ranking and search with embeddings on the device, next to the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.gallery import add_all, vectors
from benchmarks.made_features import WIDTH, exact_features, features, labels
from benchmarks.rerank import LIMIT, necessary_products
from benchmarks.results import Result
from msvitreid.evaluation.functional import k_reciprocal_rerank, rank_metrics
from msvitreid.gallery import EmbeddedGallery

from .job import Job
from .sizes import Sizes
from .timed import memory_of, setting_of, timed

ON_CPU = 'msvitreid, on the CPU'
NEAREST = 10


def ranking(sizes: Sizes, job: Job) -> list[Result]:
    """Figures of a test set; the limit is the bare product."""
    ids = labels(sizes.ranked)
    on_cpu = features(ids[0], 1), features(ids[1], 2)
    query, gallery = (x.to(sizes.device) for x in on_cpu)
    ours = rank_metrics(query, gallery, *ids)
    theirs = rank_metrics(*on_cpu, *ids)
    difference = max(abs(ours[name] - theirs[name]) for name in theirs)
    calls: dict[str, Callable[[], Any]] = {
        'product': lambda: query @ gallery.T,
        'msvitreid': lambda: rank_metrics(query, gallery, *ids),
        ON_CPU: lambda: rank_metrics(*on_cpu, *ids),
    }
    return _rows(sizes, job, calls, 'product', f'differs from the CPU by {difference:.1g}')


def reranking(sizes: Sizes, job: Job) -> list[Result]:
    """k-reciprocal distances; the limit is the products that cannot be done without."""
    query_pids, gallery_pids, *_ = labels(sizes.ranked)
    on_cpu = exact_features(query_pids, 1), exact_features(gallery_pids, 2)
    query, gallery = (x.to(sizes.device) for x in on_cpu)
    both = torch.cat([query, gallery])
    difference = np.abs(
        np.asarray(k_reciprocal_rerank(query, gallery)) - k_reciprocal_rerank(*on_cpu)
    ).max()
    calls: dict[str, Callable[[], Any]] = {
        LIMIT: lambda: necessary_products(both, len(query)),
        'msvitreid': lambda: k_reciprocal_rerank(query, gallery),
        ON_CPU: lambda: k_reciprocal_rerank(*on_cpu),
    }
    return _rows(sizes, job, calls, LIMIT, f'differs from the CPU by {difference:.1g}')


def search(sizes: Sizes, job: Job) -> list[Result]:
    """The nearest images of many queries; the limit is the bare product on the device."""
    queries = vectors(sizes.ranked.queries, WIDTH, 10**6)
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'gallery'
        add_all(path, sizes.ranked.gallery, WIDTH, 'float32')
        rows = vectors(sizes.ranked.gallery, WIDTH, 0)
        left, right = (torch.from_numpy(x).to(sizes.device) for x in (queries, rows))
        with EmbeddedGallery.open(path, readonly=True) as gallery:

            def find(device: str) -> Any:
                gallery.device = device  # type: ignore[attr-defined]
                return gallery.search(queries, NEAREST)

            same = find(sizes.device).ids == find('cpu').ids
            calls: dict[str, Callable[[], Any]] = {
                'product': lambda: left @ right.T,
                'msvitreid': partial(find, sizes.device),
                ON_CPU: partial(find, 'cpu'),
            }
            note = 'as on the CPU' if same else 'WRONG: other hits than on the CPU'
            return _rows(sizes, job, calls, 'product', note)


def _rows(
    sizes: Sizes, job: Job, calls: dict[str, Callable[[], Any]], limit: str, note: str
) -> list[Result]:
    setting = setting_of(sizes, 'float32')
    # They have been called for the comparison.
    once = replace(sizes, warmup=0)
    seconds = {name: timed(call, once, setting) for name, call in calls.items()}
    return [
        job.result(
            times,
            variant=name,
            reference=ON_CPU,
            memory_mib=None if name == ON_CPU else memory_of(calls[name], sizes, setting),
            limit_seconds=median(seconds[limit]),
            note=note if name == 'msvitreid' else '',
        )
        for name, times in seconds.items()
    ]
