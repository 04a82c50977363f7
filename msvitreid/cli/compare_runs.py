"""Put several runs into one picture and one table.

A RUN is a work directory of msvitreid train, or a JSON file of msvitreid test --out.
"""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.errors import ConfigError

from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.visualization import RunRecord

#: Figures that have curves and a panel, where --metrics names none.
DRAWN = ('mAP', 'rank-1', 'recall@1', 'NMI')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('compare-runs', __doc__)
    add = parser.add_argument
    several: dict[str, Any] = {'nargs': '+', 'default': []}
    add('runs', nargs='*', metavar='RUN', help='a run of its own')
    add('--names', **several, metavar='NAME', help='what to call the single RUNs')
    add(
        '--metrics',
        **several,
        metavar='METRIC',
        help='figures to show (default: all, two drawn)',
    )
    add(
        '--out',
        type=Path,
        default=Path('work_dirs/compare'),
        metavar='FOLDER',
        help='where picture and tables go (default: work_dirs/compare)',
    )
    help_group = 'runs shown as one, with mean and standard deviation; wildcards are expanded'
    form = 'NAME=RUN,RUN,...'
    add('--group', action='append', default=[], type=group, metavar=form, help=help_group)
    args = parser.parse_args(argv)
    if not args.runs and not args.group:
        parser.error('name at least one RUN or --group')
    if args.names and len(args.names) != len(args.runs):
        parser.error(f'--names has {len(args.names)} names for {len(args.runs)} RUNs')
    return args


def group(text: str) -> tuple[str, list[str]]:
    """``NAME=RUN,RUN`` for argparse; brackets can be part of a name, too."""
    name, _, members = text.partition('=')
    found = [[p] if os.path.exists(p) else sorted(glob.glob(p)) for p in members.split(',')]
    if not (name and all(found)):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=RUN,RUN,... of runs that exist')
    return name, list(dict.fromkeys(path for paths in found for path in paths))


def read_series(args: argparse.Namespace) -> dict[str, list[RunRecord]]:
    """The groups, then the single runs, by name.

    Raises:
        ConfigError: a run cannot be read, two names are equal, or runs cannot be compared.
    """
    from msvitreid.visualization import read_run

    series: dict[str, list[RunRecord]] = {}
    names = args.names or [None] * len(args.runs)
    single = [(name, [path]) for name, path in zip(names, args.runs, strict=True)]
    for name, paths in [*args.group, *single]:
        runs = [read_run(Path(path), name if len(paths) == 1 else None) for path in paths]
        name = name or runs[0].name
        if name in series:
            raise ConfigError(f'two runs or groups are called {name!r}; give others by --names')
        if len({run.source for run in runs}) > 1:
            which = ', '.join(f'{run.name}: {run.source or "none"}' for run in runs)
            raise ConfigError(f'group {name!r} mixes figures of different nets ({which})')
        series[name] = runs
    units = {run.unit: run.name for runs in series.values() for run in runs if run.training}
    if len(units) > 1:
        which = ', '.join(f'{name} counts {unit}s' for unit, name in units.items())
        raise ConfigError(f'curves have no axis in common ({which}); compare the runs apart')
    return series


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.utils.files import write_text_atomically
    from msvitreid.visualization import draw_runs
    from msvitreid.visualization.run_table import csv_table, markdown_table

    series = read_series(args)
    known = dict.fromkeys(key for runs in series.values() for run in runs for key in run.final)
    for name in args.metrics:
        if name not in known:
            raise ConfigError(f'no run has {name!r}; there is {", ".join(known) or "nothing"}')
    metrics = args.metrics or list(known)
    drawn = args.metrics or [m for m in DRAWN if m in metrics][:2] or metrics[:2]
    table = markdown_table(series, metrics)
    draw_runs(series, drawn, args.out / 'runs.png')
    write_text_atomically(args.out / 'runs.md', table)
    write_text_atomically(args.out / 'runs.csv', csv_table(series, metrics))
    print(f'{table}\n{args.out}/runs.png, {args.out}/runs.md, {args.out}/runs.csv')
