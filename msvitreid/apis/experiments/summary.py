"""Tables of what an experiment found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from msvitreid.errors import ConfigError
from msvitreid.evaluation.functional import bootstrap_intervals
from msvitreid.utils.spreadsheets import csv_text

from .results import Experiment, TestedRun

#: Figures of the tables that people read; the CSV files have all.
SHOWN = ('mAP', 'rank-1')


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds: mean and sample standard deviation, which is 0 of one run."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Comparison:
    """A variant in one test, against the base in the same test with the same seeds.

    Attributes:
        variant, test: which.
        seeds: of its runs.
        figures: by name.
        minutes: of training, mean.
        spread: 95 % interval of mAP, the mean of the seeds, where other identities could have been
            tested; without what other seeds would give.
        difference: of mAP to the base's, over the seeds that both have; ``None`` of the base
            itself, or where they share no seed.
        interval: 95 % of the difference, in the same sense.
    """

    variant: str
    test: str
    seeds: list[int]
    figures: dict[str, Spread]
    minutes: float
    spread: tuple[float, float]
    difference: float | None = None
    interval: tuple[float, float] | None = None


def compare(
    experiment: Experiment, tested: Sequence[TestedRun], resamples: int = 10_000
) -> list[Comparison]:
    """Every variant against the base.

    The bootstrap is paired: a resample has the same identities, with all of their queries, in
    both, and each query's AP is its mean over the seeds.

    Args:
        experiment: what was run.
        tested: what is done of it.
        resamples: of the identities.

    Raises:
        ConfigError: runs of one test were tested on different queries.
    """
    base = experiment.table.compared_with
    found = []
    for test in experiment.table.tests:
        _require_same_queries([one for one in tested if one.test == test])
        by_variant = {
            name: {one.seed: one for one in tested if (one.variant, one.test) == (name, test)}
            for name in experiment.table.variants
        }
        for name, runs in by_variant.items():
            if not runs:
                continue
            members = list(runs.values())
            shared = [seed for seed in runs if seed in by_variant[base]]
            difference = interval = None
            if name != base and shared:
                pairs = [(runs[seed], by_variant[base][seed]) for seed in shared]
                difference, interval = _paired(pairs, resamples)
            figures = {key: _spread(members, key) for key in members[0].figures.metrics}
            minutes = mean(one.minutes for one in members)
            own = _interval([_precisions(one) for one in members], members[0], resamples)
            found.append(
                Comparison(name, test, list(runs), figures, minutes, own, difference, interval)
            )
    return found


def markdown_summary(experiment: Experiment, found: Sequence[Comparison]) -> str:
    """Two columns for each test, mean ± deviation in per cent, and the difference to the base."""
    tests = list(experiment.table.tests)
    multiple = len(tests) > 1
    heads = ['variant', 'runs', 'minutes']
    for test in tests:
        prefix = f'{test} ' if multiple else ''
        heads += [f'{prefix}{key} (%)' for key in SHOWN] + [f'{prefix}mAP against base']
    lines = [heads, ['---', *['---:'] * (len(heads) - 1)]]
    for name in experiment.table.variants:
        rows = {one.test: one for one in found if one.variant == name}
        if not rows:
            continue
        first = next(iter(rows.values()))
        cells = [experiment.table.title(name).replace('|', '\\|')]
        cells += [str(len(first.seeds)), f'{first.minutes:.1f}']
        for test in tests:
            one = rows.get(test)
            cells += [_cell(one, key) for key in SHOWN] + [_difference(one)]
        lines.append(cells)
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def summary_csv(experiment: Experiment, found: Sequence[Comparison]) -> str:
    """A row for each variant and test: unrounded means and deviations."""
    keys = list(dict.fromkeys(key for one in found for key in one.figures))
    heads = ['variant', 'title', 'test', 'runs', 'seeds', 'minutes', 'base']
    heads += ['mAP_difference', 'low', 'high', 'mAP_low', 'mAP_high']
    heads += [f'{key}{end}' for key in keys for end in ('', '_std')]
    rows: list[list[object]] = []
    for one in found:
        low, high = one.interval or ('', '')
        difference = '' if one.difference is None else one.difference
        figures = [one.figures.get(key) for key in keys]
        rows.append(
            [
                one.variant,
                experiment.table.title(one.variant),
                one.test,
                len(one.seeds),
                ' '.join(map(str, one.seeds)),
                round(one.minutes, 2),
                experiment.table.compared_with,
                difference,
                low,
                high,
                *one.spread,
                *(v for f in figures for v in ((f.mean, f.deviation) if f else ('', ''))),
            ]
        )
    return csv_text([heads, *rows])


def runs_csv(experiment: Experiment, tested: Sequence[TestedRun]) -> str:
    """A row for each test of each run: figures, command, digests, versions.

    Commands name folders below the experiment's own as ``OUT``.
    """
    keys = list(dict.fromkeys(key for one in tested for key in one.figures.metrics))
    heads = ['variant', 'seed', 'test', 'minutes', *keys]
    heads += ['command', 'settings', 'data', 'checkpoint_sha256', 'fingerprint', 'versions']
    rows = [
        [
            one.variant,
            one.seed,
            one.test,
            round(one.minutes, 2),
            *(one.figures.metrics.get(key, '') for key in keys),
            one.command.replace(os.fspath(experiment.out), 'OUT'),
            one.settings,
            one.figures.data,
            one.figures.checkpoint,
            one.figures.fingerprint,
            ' '.join(f'{name}=={version}' for name, version in one.versions.items()),
        ]
        for one in tested
    ]
    return csv_text([heads, *rows])


def _require_same_queries(runs: Sequence[TestedRun]) -> None:
    for one in runs:
        first, own = runs[0].figures, one.figures
        if (own.queries, own.identities) != (first.queries, first.identities):
            raise ConfigError(
                f'test {one.test!r}: {one.variant}, seed {one.seed}, has other queries than '
                f'{runs[0].variant}, seed {runs[0].seed}; a variant may change the net, not the '
                'test set'
            )


def _paired(
    pairs: Sequence[tuple[TestedRun, TestedRun]], resamples: int
) -> tuple[float, tuple[float, float]]:
    differences = [_precisions(one) - _precisions(base) for one, base in pairs]
    interval = _interval(differences, pairs[0][1], resamples)
    return float(np.nanmean(np.mean(differences, axis=0))), interval


def _interval(
    of_queries: Sequence[np.ndarray], run: TestedRun, resamples: int
) -> tuple[float, float]:
    """95 % of the mean over queries, where other identities of ``run`` could have been tested.

    Args:
        of_queries: a number for each query, ``(Q,)``, for each seed.
        run: whose queries they are.
        resamples: of the identities.
    """
    _, pids = np.unique(run.figures.identities, return_inverse=True)
    means = np.mean(of_queries, axis=0)
    return bootstrap_intervals({'mAP': means}, pids, resamples)['mAP']


def _precisions(run: TestedRun) -> np.ndarray:
    return np.array(run.figures.average_precision, dtype=np.float64)


def _spread(runs: Sequence[TestedRun], key: str) -> Spread:
    values = [one.figures.metrics[key] for one in runs if key in one.figures.metrics]
    return Spread(mean(values), stdev(values) if len(values) > 1 else 0.0)


def _cell(one: Comparison | None, key: str) -> str:
    if one is None or key not in one.figures:
        return ''
    figure = one.figures[key]
    several = f' ± {100 * figure.deviation:.1f}' if len(one.seeds) > 1 else ''
    return f'{100 * figure.mean:.1f}{several}'


def _difference(one: Comparison | None) -> str:
    if one is None or one.difference is None or one.interval is None:
        return ''
    low, high = one.interval
    return f'{100 * one.difference:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})'
