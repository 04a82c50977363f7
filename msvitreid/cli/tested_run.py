"""A run's folder as a report takes it: its test set embedded, and what both are."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .running import quiet_log

if TYPE_CHECKING:
    from msvitreid.apis.tested_net import TestedNet
    from msvitreid.visualization.report import TestedRun


def tested_run(folder: Path, args: argparse.Namespace) -> TestedRun:
    """Embed a run's test set.

    Args:
        folder: of the run.
        args: with ``device``, ``batch_size``, ``cfg_options`` and ``groups``.

    Raises:
        ReIDError: see :func:`msvitreid.apis.tested_net.open_run` and :meth:`TestedNet.embed`.
    """
    from msvitreid.apis.tested_net import open_run, without_places
    from msvitreid.utils.versions import versions
    from msvitreid.visualization.report import TestedRun

    # The page says itself what was read and measured.
    quiet_log('report', 'ERROR')
    net = open_run(folder, args.cfg_options, args.device, args.batch_size)
    test_set = net.test_set
    columns = columns_of(args.groups, net)
    start = time.perf_counter()
    features = net.embed(progress=sys.stderr.isatty())
    seconds = time.perf_counter() - start
    return TestedRun(
        folder.resolve().name,
        test_set.embedded(features),
        test_set.paths,
        test_set.metric,
        str(test_set.dataset.find_root()),
        test_set.dataset.id_names,
        facts(net, args),
        versions(),
        without_places(net),
        net.inferencer.fingerprint,
        speed(net, seconds),
        columns,
    )


def columns_of(table: str | None, net: TestedNet) -> dict[str, dict[str, Any]]:
    """Metadata of the test images by file, of a CSV table with the column ``path``.

    Raises:
        DatasetError: it cannot be read, or has none of the queries.
    """
    if table is None:
        return {}
    from msvitreid.apis.indexing import ImageFile, ListedImages, read_metadata_table
    from msvitreid.errors import DatasetError

    root = os.path.abspath(net.test_set.dataset.find_root())
    paths = dict.fromkeys(net.test_set.paths)
    id_of = {
        os.path.relpath(os.path.abspath(path), root).replace(os.sep, '/'): path
        for path in paths
    }
    files = [ImageFile(id_, os.path.abspath(path)) for id_, path in id_of.items()]
    found = read_metadata_table(table, ListedImages(files, base=root)).columns
    columns = {id_of[id_]: row for id_, row in found.items()}
    is_query = net.test_set.labels.is_query
    if not any(
        path in columns for path, one in zip(net.test_set.paths, is_query, strict=True) if one
    ):
        raise DatasetError(
            f'{table!r} has none of the queries; its column path takes paths below {root!r}'
        )
    return columns


def speed(net: TestedNet, seconds: float) -> dict[str, str]:
    """How fast the test set was embedded, by what."""
    import torch

    images = len(set(net.test_set.paths))
    device = net.inferencer.device
    on_gpu = device.type == 'cuda'
    threads = torch.get_num_threads()
    return {
        'Images': f'{images:,} in {seconds:.1f} s',
        'Images a second': f'{images / seconds:.1f}, files read and decoded included',
        'Computed by': torch.cuda.get_device_name(device)
        if on_gpu
        else f'CPU, {threads} thread{"s" * (threads > 1)}',
        'Batch': str(net.batch_size),
        'Mirrored image added': 'yes' if net.inferencer.description['flip'] else 'no',
    }


def facts(run: TestedNet, args: argparse.Namespace) -> dict[str, str]:
    """What was tested on what, by name."""
    from msvitreid.evaluation.metrics import ReIDMetric
    from msvitreid.visualization.report.results import option_text

    images = run.test_set
    counts = {split: str(one) for split, one in images.dataset.statistics().items()}
    found = {
        'Config': '' if run.config is None else run.config.name,
        'Checkpoint': run.checkpoint.name,
        'Checkpoint SHA-256': run.sha256,
        'Model fingerprint': run.inferencer.fingerprint,
        'Dataset': images.dataset.name,
        **{split.capitalize(): text for split, text in counts.items()},
        'Dataset digest': '; '.join(f'{key}: {text}' for key, text in images.digest.items()),
        'Protocol': protocol(run),
        'Intervals': f'{args.resamples:,} resamples of the identities, seed 0',
    }
    if isinstance(images.metric, ReIDMetric):
        found['Average precision'] = images.metric.ap
    if args.cfg_options:
        found['Options'] = ', '.join(map(option_text, args.cfg_options.items()))
    return found


def protocol(run: TestedNet) -> str:
    """Who searches what."""
    from msvitreid.evaluation.metrics import ReIDMetric, RetrievalMetric

    metric = run.test_set.metric
    name = type(metric).__name__
    if isinstance(metric, ReIDMetric):
        searched = 'all other test images' if metric.self_retrieval else 'the gallery'
        return (
            f'{name}: queries search {searched}; images of the identity from the same camera '
            'are left out, and queries without a match are not in the means'
        )
    if isinstance(metric, RetrievalMetric):
        has_gallery = not run.test_set.labels.is_query.all()
        searched = 'the gallery' if has_gallery else 'all other test images'
        return f'{name}: queries search {searched}; cameras do not matter'
    return name
