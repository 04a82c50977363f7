"""Put several runs into one picture and one table.

A RUN is a work directory of msvitreid train, or a JSON file of msvitreid test --out.
"""

from __future__ import annotations

import argparse
import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.errors import ConfigError

if TYPE_CHECKING:
    from msvitreid.visualization import RunRecord

#: Figures that have curves and a panel, where --metrics names none.
DRAWN = ('mAP', 'rank-1', 'recall@1', 'NMI')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='msvitreid compare', description=__doc__)
    parser.add_argument('runs', nargs='*', metavar='RUN', help='a run of its own')
    parser.add_argument(
        '--group',
        action='append',
        default=[],
        type=group,
        metavar='NAME=RUN,RUN,...',
        help='runs shown as one, with mean and standard deviation, e.g. of several seeds; '
        'wildcards are expanded; can be given several times',
    )
    parser.add_argument(
        '--names', nargs='+', default=[], metavar='NAME', help='what to call the single RUNs'
    )
    parser.add_argument(
        '--metrics',
        nargs='+',
        default=[],
        metavar='METRIC',
        help='final figures to show, e.g. mAP rank-1 (default: all in the table, two drawn)',
    )
    parser.add_argument(
        '--out',
        default='work_dirs/compare',
        metavar='FOLDER',
        help='where runs.png, runs.md and runs.csv go (default: %(default)s)',
    )
    args = parser.parse_args(argv)
    repeated = duplicates(name for name, _ in args.group)
    if repeated:
        parser.error(f'--group {repeated[0]} is given twice; name all of its runs in one')
    if not args.runs and not args.group:
        parser.error('name at least one RUN or --group')
    if args.names and len(args.names) != len(args.runs):
        parser.error(f'--names has {len(args.names)} names for {len(args.runs)} RUNs')
    return args


def group(text: str) -> tuple[str, list[str]]:
    """``NAME=RUN,RUN`` for argparse."""
    name, equals, members = text.partition('=')
    paths = [path for part in members.split(',') if part for path in expanded(part)]
    if not (name and equals and paths):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=RUN,RUN,...')
    repeated = duplicates(paths)
    if repeated:
        raise argparse.ArgumentTypeError(f'{name} has {repeated[0]!r} twice')
    return name, paths


def expanded(pattern: str) -> list[str]:
    """The files and folders that a pattern fits; brackets can be part of a name, too."""
    paths = [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))
    if not paths:
        raise argparse.ArgumentTypeError(f'nothing matches {pattern!r}')
    return paths


def duplicates(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Names of files and folders, with their folder's where two are alike."""
    short = [path.stem if path.suffix == '.json' else path.resolve().name for path in paths]
    count = Counter(short)
    return [
        name if count[name] == 1 else f'{path.resolve().parent.name}/{name}'
        for path, name in zip(paths, short, strict=True)
    ]


def require_different(names: Sequence[str]) -> None:
    repeated = duplicates(names)
    if repeated:
        raise ConfigError(
            f'two runs or groups are called {repeated[0]!r}; give names by --names'
        )


def require_one_unit(runs: Sequence[RunRecord]) -> None:
    """Curves over epochs and curves over iterations have no axis in common."""
    by_unit = {run.unit: run.name for run in runs if run.training}
    if len(by_unit) > 1:
        raise ConfigError(
            f'{by_unit["epoch"]} counts epochs, {by_unit["iteration"]} iterations; '
            'compare them apart, or by their test results alone'
        )


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.utils.files import write_text_atomically
    from msvitreid.visualization.run_plots import draw_runs
    from msvitreid.visualization.run_record import read_run
    from msvitreid.visualization.run_table import (
        csv_table,
        final_metrics,
        markdown_table,
        require_alike,
    )

    single = [Path(path) for path in args.runs]
    grouped = [(name, Path(path)) for name, members in args.group for path in members]
    paths = [*single, *(path for _, path in grouped)]
    names = unique_names(paths)
    names[: len(args.names)] = args.names
    runs = [read_run(path, name) for path, name in zip(paths, names, strict=True)]
    groups: dict[str, list[RunRecord]] = {}
    for (name, _), run in zip(grouped, runs[len(single) :], strict=True):
        groups.setdefault(name, []).append(run)
    require_different([*names[: len(single)], *groups])
    require_alike(groups)
    require_one_unit(runs)
    metrics = final_metrics(runs, args.metrics)
    drawn = args.metrics or [m for m in DRAWN if m in metrics][:2] or metrics[:2]

    out = Path(args.out)
    table = markdown_table(runs, groups, metrics)
    draw_runs(runs, groups, drawn, out / 'runs.png')
    write_text_atomically(out / 'runs.md', table)
    write_text_atomically(out / 'runs.csv', csv_table(runs, groups, metrics))
    print(table)
    print(f'{out}/runs.png, {out}/runs.md, {out}/runs.csv')
