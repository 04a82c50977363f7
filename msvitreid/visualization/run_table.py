"""Final figures of several runs as a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from msvitreid.utils.spreadsheets import csv_text

from .run_record import RunRecord

#: What is shown as one, by name: a run, or several whose mean counts, as of several seeds.
Series = Mapping[str, Sequence[RunRecord]]

#: Figures that are shares; those of joined datasets have a prefix.
_SHARE = re.compile(r'(.*/)?(mAP|mINP|rank-\d+|recall@\d+|NMI)(-rerank)?')


def mean_and_deviation(runs: Sequence[RunRecord], metric: str) -> tuple[float, float] | None:
    """Mean and sample standard deviation (0 of one run), or ``None`` if a run lacks it."""
    if any(metric not in run.final for run in runs):
        return None
    values = [run.final[metric] for run in runs]
    return mean(values), stdev(values) if len(values) > 1 else 0.0


def markdown_table(series: Series, metrics: Sequence[str]) -> str:
    """A row for each of the series, shares in per cent: ``mean ± deviation`` of several runs."""
    titles = [f'{metric} (%)' if is_share(metric) else metric for metric in metrics]
    lines = [
        ['run', 'runs', 'figures of', *titles],
        ['---', '---:', '---', *['---:'] * len(titles)],
    ]
    for name, runs in series.items():
        cells = [shown(runs, metric) for metric in metrics]
        lines.append([name.replace('|', '\\|'), str(len(runs)), runs[0].source, *cells])
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def csv_table(series: Series, metrics: Sequence[str]) -> str:
    """The figures unrounded, a row for each run, and two for the mean and ``std`` of several."""
    rows: list[list[object]] = [['group', 'run', 'figures_of', *metrics]]
    for name, runs in series.items():
        group = name if len(runs) > 1 else ''
        for run in runs:
            figures = [run.final.get(metric, '') for metric in metrics]
            rows.append([group, run.name, run.source, *figures])
        if group:
            found = [mean_and_deviation(runs, metric) or ('', '') for metric in metrics]
            for column, title in enumerate(('mean', 'std')):
                rows.append([name, title, runs[0].source, *(f[column] for f in found)])
    return csv_text(rows)


def is_share(metric: str) -> bool:
    """Whether a figure lies in [0, 1] and is shown in per cent."""
    return _SHARE.fullmatch(metric) is not None


def shown(runs: Sequence[RunRecord], metric: str) -> str:
    """``mean ± deviation`` of several runs, the figure of one; empty if a run lacks it."""
    found = mean_and_deviation(runs, metric)
    form = (lambda v: f'{100 * v:.2f}') if is_share(metric) else (lambda v: f'{v:.4g}')
    return ' ± '.join(map(form, found[: len(runs)])) if found else ''
