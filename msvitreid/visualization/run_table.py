"""Final figures of several runs as a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev

from msvitreid.errors import ConfigError

from .run_record import RunRecord

#: Figures that are shares; those of joined datasets have a prefix.
_SHARE = re.compile(r'(.*/)?(mAP|mINP|rank-\d+|recall@\d+|NMI)(-rerank)?')

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


def group_statistics(groups: Groups, metric: str) -> dict[str, tuple[float, float | None]]:
    """Mean and sample standard deviation (``None`` of one run) of each group that has it."""
    found = {}
    for name, runs in groups.items():
        values = [run.final[metric] for run in runs if metric in run.final]
        if values:
            found[name] = mean(values), stdev(values) if len(values) > 1 else None
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


def evaluator_note(runs: Iterable[RunRecord]) -> str | None:
    """A sentence if the test results were made by evaluators of different options."""
    kinds: dict[str, list[str]] = {}
    for run in runs:
        if run.evaluator is not None:
            text = ', '.join(f'{key}={value!r}' for key, value in run.evaluator.items())
            kinds.setdefault(text, []).append(run.name)
    if len(kinds) < 2:
        return None
    return 'Not comparable as they are, for the evaluators differ: ' + '; '.join(
        f'{", ".join(names)}: {text}' for text, names in kinds.items()
    )


def markdown_table(runs: Sequence[RunRecord], groups: Groups, metrics: Sequence[str]) -> str:
    """The groups' means if there are groups, then every run."""
    tables = []
    if groups:
        rows = []
        for name, members in groups.items():
            cells = []
            for metric in metrics:
                found = group_statistics({name: members}, metric).get(name)
                cells.append('' if found is None else spread(metric, *found))
            rows.append([name, str(len(members)), members[0].source, *cells])
        tables.append(_markdown(['group', 'runs', 'figures of', *map(_title, metrics)], rows))
        tables.append('Mean ± sample standard deviation over the runs of a group.')
    rows = [
        [run.name, run.source, *(shown(metric, run.final.get(metric)) for metric in metrics)]
        for run in runs
    ]
    tables.append(_markdown(['run', 'figures of', *map(_title, metrics)], rows))
    note = evaluator_note(runs)
    return '\n\n'.join([*tables, note] if note else tables) + '\n'


def csv_table(runs: Sequence[RunRecord], groups: Groups, metrics: Sequence[str]) -> str:
    """The figures unrounded, a row a run; a group's runs are followed by mean and std."""
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
            found = [group_statistics({name: members}, m).get(name, ('', '')) for m in metrics]
            writer.writerow([name, 'mean', members[0].source, *(f[0] for f in found)])
            writer.writerow([name, 'std', members[0].source, *(f[1] for f in found)])
    return text.getvalue()


def is_share(metric: str) -> bool:
    """Whether a figure lies in [0, 1] and is shown in per cent."""
    return _SHARE.fullmatch(metric) is not None


def shown(metric: str, value: float | None) -> str:
    """A figure for people: shares in per cent."""
    if value is None:
        return ''
    return f'{100 * value:.2f}' if is_share(metric) else f'{value:.4g}'


def spread(metric: str, middle: float, deviation: float | None) -> str:
    """``mean ± std``, or the mean of a single run."""
    text = shown(metric, middle)
    return text if deviation is None else f'{text} ± {shown(metric, deviation)}'


def _title(metric: str) -> str:
    return f'{metric} (%)' if is_share(metric) else metric


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    numbers = len(header) - 1 - list(header).index('figures of')
    rules = ['---'] * (len(header) - numbers) + ['---:'] * numbers
    lines = [header, rules, *rows]
    cells = ([cell.replace('|', '\\|') for cell in line] for line in lines)
    return '\n'.join(f'| {" | ".join(line)} |' for line in cells)
