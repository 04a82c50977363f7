"""All that a GPU can show, in one run: tests, nets, kernels, ranking, input, training, profile.

Parts come in the order of their value and leave their results at once. A variant that fails is a
row with the reason; parts that no time is left for are named. ``gpu.md`` sums the run up.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from msvitreid.errors import ConfigError

# Nothing else is imported before it is known that all needs are here.
from .needs import require_needs

NAME = 'gpu'
ROOT = Path(__file__).parents[4]
DOCS = ROOT / 'docs' / 'benchmarks'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--minutes',
        type=float,
        default=8,
        metavar='M',
        help='parts that would take longer are left out (default: %(default)s)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FOLDER',
        help='for CSV files, gpu.md, gpu_tests.md and pictures (default: docs/benchmarks)',
    )
    parser.add_argument(
        '--parts', nargs='+', metavar='PART', help='only these, by their names in gpu.md'
    )
    parser.add_argument(
        '--images',
        type=int,
        default=12_936,
        metavar='N',
        help='of the set that is trained on (default: as many as Market-1501 has, %(default)s)',
    )
    parser.add_argument(
        '--emulate',
        action='store_true',
        help='run all parts on the CPU with tiny sizes, to see that they work; by Triton too '
        'where TRITON_INTERPRET=1 is set',
    )


def main(args: argparse.Namespace) -> None:
    """Run all parts, or those that are asked for.

    Raises:
        ConfigError: something that is needed is missing, or an option is out of its range.
    """
    started = time.monotonic()
    if args.minutes <= 0:
        raise ConfigError(f'--minutes is {args.minutes:g}, give more than 0')
    if args.emulate and (args.out is None or args.out.resolve() == DOCS):
        raise ConfigError('--emulate measures nothing; give --out FOLDER outside of the docs')
    require_needs(args.emulate)

    from .plan import plan_jobs
    from .running import run_jobs
    from .sizes import EMULATED, published_sizes

    sizes = EMULATED if args.emulate else published_sizes(args.images)
    jobs = plan_jobs(sizes)
    parts = list(dict.fromkeys(job.part for job in jobs))
    unknown = [part for part in args.parts or () if part not in parts]
    if unknown:
        raise ConfigError(f"--parts '{unknown[0]}' is unknown; there are {', '.join(parts)}")
    if args.parts:
        jobs = [job for job in jobs if job.part in args.parts]
    # Otherwise the process that computes would outlive this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    run_jobs(jobs, sizes, args.out or DOCS, started + 60 * args.minutes)
