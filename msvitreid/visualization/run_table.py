"""Final figures of several runs as a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import Any, NamedTuple

from msvitreid.errors import ConfigError

from .run_record import RunRecord

#: Figures that are shares; those of joined datasets have a prefix.
_SHARE = re.compile(r'(.*/)?(mAP|mINP|rank-\d+|recall@\d+|NMI)(-rerank)?')

#: Options of evaluators that add figures and change none of the others.
_ADDING = ('topk', 'nmi', 'rerank')

Groups = Mapping[str, Sequence[RunRecord]]


def final_metrics(runs: Iterable[RunRecord], wanted: Sequence[str] = ()) -> list[str]:
    """Names of the runs' final figures, in order; only ``wanted`` ones if there are any.

    Raises:
        ConfigError: no run has a wanted one.
    """
    known = list(dict.fromkeys(key for run in runs for key in run.final))
    for name in wanted:
        if name not in known:
            raise ConfigError(f'no run has {name!r}; there is {", ".join(known) or "nothing"}')
    return list(wanted) or known


class Spread(NamedTuple):
    """One figure of a group.

    Attributes:
        mean: over the runs that have the figure.
        deviation: their sample standard deviation, ``None`` of one run.
        runs: how many have it.
    """

    mean: float
    deviation: float | None
    runs: int


def group_statistics(groups: Groups, metric: str) -> dict[str, Spread]:
    """What each group has of a figure; a group of which no run has it is left out."""
    found = {}
    for name, runs in groups.items():
        values = [run.final[metric] for run in runs if metric in run.final]
        if values:
            deviation = stdev(values) if len(values) > 1 else None
            found[name] = Spread(mean(values), deviation, len(values))
    return found


def require_alike(groups: Groups) -> None:
    """Check that a group's figures are all of the same kind of net.

    Raises:
        ConfigError: they are not, so a mean would mix them.
    """
    for name, runs in groups.items():
        sources = {run.source for run in runs}
        if len(sources) > 1:
            which = ', '.join(f'{run.name}: {run.source or "none"}' for run in runs)
            raise ConfigError(
                f'group {name!r} mixes figures of different nets ({which}); name their test '
                'results, or leave out what is not finished'
            )


def evaluator_notes(runs: Iterable[RunRecord], metrics: Iterable[str]) -> list[str]:
    """Sentences that say where evaluators of different options made the test results.

    Options of re-ranking count for re-ranked figures only.
    """
    all_figures, reranked = _Kinds(), _Kinds()
    for run in runs:
        if run.evaluator is not None:
            common = {k: v for k, v in run.evaluator.items() if k not in _ADDING}
            all_figures.add(run.name, common)
            if run.evaluator.get('rerank') is not None:
                reranked.add(run.name, run.evaluator['rerank'])
    notes = []
    if len(all_figures.names) > 1:
        notes.append(f'Not comparable as they are, for the evaluators differ: {all_figures}')
    if len(reranked.names) > 1 and any(metric.endswith('-rerank') for metric in metrics):
        notes.append(
            f'Re-ranked figures are not comparable, for the re-ranking differs: {reranked}'
        )
    return notes


class _Kinds:
    """Runs by the options that they share."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}

    def add(self, name: str, options: Mapping[str, Any]) -> None:
        text = ', '.join(f'{key}={options[key]!r}' for key in sorted(options))
        self.names.setdefault(text, []).append(name)

    def __str__(self) -> str:
        return '; '.join(f'{", ".join(names)}: {text}' for text, names in self.names.items())


def markdown_table(runs: Sequence[RunRecord], groups: Groups, metrics: Sequence[str]) -> str:
    """The groups' means if there are groups, then every run."""
    tables = []
    if groups:
        rows = []
        for name, members in groups.items():
            cells = []
            for metric in metrics:
                found = group_statistics({name: members}, metric).get(name)
                cells.append('' if found is None else spread(metric, found, len(members)))
            rows.append([name, str(len(members)), members[0].source, *cells])
        tables.append(_markdown(['group', 'runs', 'figures of', *map(_title, metrics)], rows))
        tables.append('Mean ± sample standard deviation over the runs of a group.')
    rows = [
        [run.name, run.source, *(shown(metric, run.final.get(metric)) for metric in metrics)]
        for run in runs
    ]
    tables.append(_markdown(['run', 'figures of', *map(_title, metrics)], rows))
    return '\n\n'.join([*tables, *evaluator_notes(runs, metrics)]) + '\n'


def csv_table(runs: Sequence[RunRecord], groups: Groups, metrics: Sequence[str]) -> str:
    """The figures unrounded, a row a run; a group's are followed by mean, std and count."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['group', 'run', 'figures_of', *metrics])
    grouped = {id(run) for members in groups.values() for run in members}
    single = [run for run in runs if id(run) not in grouped]
    for name, members in [*groups.items(), ('', single)]:
        for run in members:
            cells = [run.final.get(metric, '') for metric in metrics]
            writer.writerow([name, run.name, run.source, *cells])
        if name:
            found = [group_statistics({name: members}, m).get(name) for m in metrics]
            columns = [('', '', 0) if figure is None else figure for figure in found]
            for row, title in enumerate(('mean', 'std', 'count')):
                figures = [column[row] for column in columns]
                writer.writerow([name, title, members[0].source, *figures])
    return text.getvalue()


def is_share(metric: str) -> bool:
    """Whether a figure lies in [0, 1] and is shown in per cent."""
    return _SHARE.fullmatch(metric) is not None


def shown(metric: str, value: float | None) -> str:
    """A figure for people: shares in per cent."""
    if value is None:
        return ''
    return f'{100 * value:.2f}' if is_share(metric) else f'{value:.4g}'


def spread(metric: str, found: Spread, runs: int) -> str:
    """``mean ± std``, or the mean of a single run; ``(2 of 3)`` if not all ``runs`` have it."""
    text = shown(metric, found.mean)
    if found.deviation is not None:
        text += f' ± {shown(metric, found.deviation)}'
    return text if found.runs == runs else f'{text} ({found.runs} of {runs})'


def _title(metric: str) -> str:
    return f'{metric} (%)' if is_share(metric) else metric


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    numbers = len(header) - 1 - list(header).index('figures of')
    rules = ['---'] * (len(header) - numbers) + ['---:'] * numbers
    lines = [header, rules, *rows]
    cells = ([cell.replace('|', '\\|') for cell in line] for line in lines)
    return '\n'.join(f'| {" | ".join(line)} |' for line in cells)
