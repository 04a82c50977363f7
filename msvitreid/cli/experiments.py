"""Train and test the variants of a table with several seeds, and compare them with a base.

TABLE is a YAML or JSON file; nothing in it is executed. The command can be stopped and started
again: what is done is kept, and a training that was cut off continues.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import positive
from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.apis.experiments import Comparison, Experiment, TestedRun

EPILOG = """\
a table:
  config: msvit-demo
  options: {data_root: work_dirs/demo/data}
  seeds: [0, 1, 2]
  variants:
    parts: {title: global and parts}
    global: {config: msvit-global-demo}
    dense: {options: {model.backbone.sparse_ratio: 1.0}}

"tests" may name several tests by their options, and "base" the variant that the others are compared
with (default: the first).

In FOLDER: runs.csv (each test of each run), summary.csv, summary.md, variants.png, and a folder
VARIANT/seed-N for each run.

exit code 0: all is done; 2, with one sentence: it is not, the same command goes on.

example:
  msvitreid experiments variants.yaml --out work_dirs/variants
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('experiments', __doc__, EPILOG)
    add = parser.add_argument
    add('table', metavar='TABLE', help='what to run')
    add('--out', required=True, type=Path, metavar='FOLDER', help='where everything goes')
    add(
        '--devices',
        nargs='+',
        default=['auto'],
        metavar='DEVICE',
        help='one run at a time on each: auto, cpu, cuda:0, cuda:1 (default: auto)',
    )
    add(
        '--resamples',
        type=positive,
        default=10_000,
        metavar='N',
        help='of the identities, for intervals (default: %(default)s)',
    )
    add(
        '--summary-only',
        action='store_true',
        help='run nothing; write the tables of what is done',
    )
    args = parser.parse_args(argv)
    if len(set(args.devices)) < len(args.devices):
        parser.error('--devices names one twice')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.apis.experiments import (
        Experiment,
        finished_tests,
        read_table,
        run_experiment,
    )
    from msvitreid.errors import ConfigError
    from msvitreid.utils.files import make_folder

    experiment = Experiment(read_table(args.table), args.out)
    if args.summary_only:
        tested = finished_tests(experiment)
        if not tested:
            raise ConfigError(f'{args.out} holds no result of {args.table}')
    else:
        make_folder(args.out)
        tested = run_experiment(experiment, args.devices, lambda line: print(line, flush=True))
    write_tables(experiment, tested, args.resamples)


def write_tables(
    experiment: Experiment, tested: Sequence[TestedRun], resamples: int
) -> list[Comparison]:
    """Write and print the tables, and draw the picture."""
    from msvitreid.apis.experiments import compare, markdown_summary, runs_csv, summary_csv
    from msvitreid.utils.files import write_text_atomically
    from msvitreid.visualization.results import VariantRow, draw_variants
    from msvitreid.visualization.style import save

    found = compare(experiment, tested, resamples)
    table, out = markdown_summary(experiment, found), experiment.out
    write_text_atomically(out / 'runs.csv', runs_csv(experiment, tested))
    write_text_atomically(out / 'summary.csv', summary_csv(experiment, found))
    write_text_atomically(out / 'summary.md', table)
    rows = {
        test: [
            VariantRow(
                experiment.table.title(one.variant),
                [
                    run.figures.metrics['mAP']
                    for run in tested
                    if (run.variant, run.test) == (one.variant, test)
                ],
                one.difference,
                one.interval,
            )
            for one in found
            if one.test == test
        ]
        for test in experiment.table.tests
    }
    save(draw_variants(rows), out / 'variants.png')
    print(f'\n{table}\n{out}/runs.csv, summary.csv, summary.md, variants.png')
    return found
