"""Measure how fast this toolkit is on this machine, compared with the plain way of doing the same.

Set OMP_NUM_THREADS to choose the number of threads; let nothing else run meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import msvitreid
from msvitreid.errors import ConfigError
from msvitreid.utils.files import require_suffix, require_writable

from .running import make_parser

ROOT = Path(msvitreid.__file__).parents[1]


def find_subjects() -> ModuleType:
    """The package of the subjects; both it and what it compares with are found in a checkout.

    Raises:
        ConfigError: this installation is none.
    """
    # The plain implementations that everything is compared with are the tests' oracles.
    if not (ROOT / 'tests' / 'plain').is_dir():
        raise ConfigError(
            f'{ROOT} is not a checkout of the repository, which has the plain implementations '
            'that benchmark compares with (tests/plain); clone it and run `pip install -e .` there'
        )
    for folder in (ROOT, ROOT / 'tools' / 'analysis_tools'):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    return importlib.import_module('benchmarks')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('benchmark', __doc__)
    subjects = parser.add_subparsers(dest='subject', required=True, metavar='SUBJECT')
    unavailable: list[str] = []
    for info in pkgutil.iter_modules(find_subjects().__path__):
        try:
            module = importlib.import_module(f'benchmarks.{info.name}')
        except ImportError as error:
            # What one subject needs, the others do without.
            unavailable.append(f'{info.name} ({error})')
            continue
        if not hasattr(module, 'NAME'):
            continue
        summary = (module.__doc__ or '').partition('\n')[0]
        subject = subjects.add_parser(module.NAME, help=summary, description=module.__doc__)
        if hasattr(module, 'main'):
            # It has many files and times of its own.
            module.add_arguments(subject)
            subject.set_defaults(main=module.main)
            continue
        subject.add_argument(
            '--rounds',
            type=int,
            default=5,
            metavar='N',
            help='timed calls of each variant, in turn (default: %(default)s)',
        )
        subject.add_argument(
            '--out',
            type=Path,
            default=ROOT / 'docs' / 'benchmarks' / f'{module.NAME}.csv',
            metavar='FILE.csv',
            help='add the results here; older ones of the same machine give way '
            f'(default: docs/benchmarks/{module.NAME}.csv)',
        )
        module.add_arguments(subject)
        # Those that do not let choose run on the CPU.
        subject.set_defaults(run=module.run, device='cpu')
    if unavailable:
        parser.epilog = f'Not importable here: {", ".join(unavailable)}.'
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if hasattr(args, 'main'):
        args.main(args)
        return

    from benchmarks.device import find_device, gpu_name
    from benchmarks.ranges import check_at_least
    from benchmarks.results import as_table, environment, write_csv

    check_at_least(args, 1, 'rounds')
    require_suffix(args.out, ['.csv'], '--out')
    require_writable(args.out)

    gpu = gpu_name(find_device(args.device))
    facts = {name: value for name, value in environment(gpu).items() if value}
    print(', '.join(f'{name} {value}' for name, value in facts.items()), flush=True)
    results = args.run(args)
    print(as_table(results), flush=True)
    write_csv(args.out, results, gpu)
