"""A run's folder as a report takes it: its test set embedded, and what both are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msvitreid.apis.run_embedding import EmbeddedRun
    from msvitreid.visualization.report import TestedRun


def tested_run(folder: Path, args: argparse.Namespace) -> TestedRun:
    """Embed a run's test set.

    Args:
        folder: of the run.
        args: with ``device``, ``batch_size`` and ``cfg_options``.

    Raises:
        ReIDError: see :func:`msvitreid.apis.run_embedding.embed_run`.
    """
    from mmengine.logging import MMLogger

    from msvitreid.apis.run_embedding import embed_run
    from msvitreid.utils.versions import versions
    from msvitreid.visualization.report import TestedRun

    # The page says itself what was read and measured.
    if not MMLogger.check_instance_created('report'):
        MMLogger.get_instance('report', log_level='ERROR')
    embedded = embed_run(
        folder, args.device, args.batch_size, args.cfg_options, progress=sys.stderr.isatty()
    )
    root = str(embedded.dataset.find_root())
    return TestedRun(
        folder.resolve().name,
        embedded.images,
        embedded.metric,
        root,
        embedded.dataset.id_names,
        facts(embedded, args),
        versions(),
        without_places(embedded, folder, root),
        embedded.fingerprint,
    )


def facts(run: EmbeddedRun, args: argparse.Namespace) -> dict[str, str]:
    """What was tested on what, by name."""
    from msvitreid.evaluation.metrics import ReIDMetric
    from msvitreid.visualization.report.results import option_text

    counts = {split: str(one) for split, one in run.dataset.statistics().items()}
    found = {
        'Config': run.config.name,
        'Checkpoint': run.checkpoint.name,
        'Checkpoint SHA-256': run.sha256,
        'Model fingerprint': run.fingerprint,
        'Dataset': run.dataset.name,
        **{split.capitalize(): text for split, text in counts.items()},
        'Dataset digest': '; '.join(f'{key}: {text}' for key, text in run.digest.items()),
        'Protocol': protocol(run),
        'Intervals': f'{args.resamples:,} resamples of the identities, seed 0',
    }
    if isinstance(run.metric, ReIDMetric):
        found['Average precision'] = run.metric.ap
    if args.cfg_options:
        found['Options'] = ', '.join(map(option_text, args.cfg_options.items()))
    return found


def protocol(run: EmbeddedRun) -> str:
    """Who searches what."""
    from msvitreid.evaluation.metrics import ReIDMetric, RetrievalMetric

    name = type(run.metric).__name__
    if isinstance(run.metric, ReIDMetric):
        searched = 'all other test images' if run.metric.self_retrieval else 'the gallery'
        return (
            f'{name}: queries search {searched}; images of the identity from the same camera '
            'are left out, and queries without a match are not in the means'
        )
    if isinstance(run.metric, RetrievalMetric):
        searched = 'the gallery' if 'gallery' in run.images else 'all other test images'
        return f'{name}: queries search {searched}; cameras do not matter'
    return name


def without_places(run: EmbeddedRun, folder: Path, root: str) -> str:
    """The config's text, with names of folders of this machine shortened."""
    text = run.config.read_text(encoding='utf-8', errors='replace')
    given = str(run.dataset.data_root)
    places = {
        root: '<data>',
        str(Path(given).absolute()): '<data_root>',
        str(folder.resolve()): '<run>',
        str(folder.absolute()): '<run>',
        str(Path.home()): '~',
    }
    for place in sorted(places, key=len, reverse=True):
        if len(place) > 1:
            text = text.replace(place, places[place])
    return text
