"""Write a report of runs as one HTML file that needs nothing else, and its numbers as JSON.

RUN is a work directory of msvitreid train, whose result embeds the test set, or a JSON file of
msvitreid test --out, which has figures only.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.cli.arguments import positive, require_distinct, whole_number
from msvitreid.cli.running import add_config_options, make_parser
from msvitreid.errors import CalibrationError, ConfigError

if TYPE_CHECKING:
    from msvitreid.apis.verification import CalibrationCard
    from msvitreid.evaluation.robustness import RobustnessResult
    from msvitreid.visualization.report import RunFacts

#: Where in a run's folder a result of ``msvitreid robustness`` is found.
ROBUSTNESS_FILES = ('robustness.json', 'robustness/robustness.json')

EPILOG = """\
exit code 0: page and numbers are written; 2, with one sentence: nothing is.

example:
  msvitreid report work_dirs/demo/train --out report.html \\
      --cfg-options data_root=work_dirs/demo/data
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('report', __doc__, EPILOG)
    add = parser.add_argument
    add('runs', nargs='+', type=Path, metavar='RUN', help='work directory, or test result')
    add(
        '--out',
        required=True,
        type=Path,
        metavar='FILE.html',
        help='where the page goes; the numbers go next to it, as FILE.json',
    )
    add('--names', nargs='+', default=[], metavar='NAME', help='what to call the RUNs')
    add('--card', metavar='CARD.json', help='calibration card to show, of msvitreid calibrate')
    add(
        '--groups',
        metavar='TABLE.csv',
        help='metadata of queries, such as their occlusion level: a column path (below the '
        "dataset's folder) and others, each of which gives a table",
    )
    add(
        '--robustness',
        nargs='+',
        type=Path,
        default=[],
        metavar='FILE',
        help='robustness.json of msvitreid robustness; those in the RUNs and in their '
        'robustness/ are found',
    )
    add(
        '--max-mb',
        type=float,
        default=20,
        metavar='MB',
        help='thumbnails become fewer and smaller until the page fits (default: %(default)g)',
    )
    add('--device', default='auto', help='auto, cpu or cuda:0 (default: %(default)s)')
    add('--batch-size', type=positive, metavar='N', help="default: the config's")
    add(
        '--resamples',
        type=whole_number,
        default=1000,
        metavar='N',
        help='of identities, for intervals; 0 for none (default: %(default)s)',
    )
    add('--seed', type=whole_number, default=0, metavar='N', help='draws the random queries')
    add_config_options(parser)
    args = parser.parse_args(argv)
    if args.names and len(args.names) != len(args.runs):
        parser.error(f'--names has {len(args.names)} names for {len(args.runs)} RUNs')
    if not (args.max_mb > 0 and math.isfinite(args.max_mb)):
        parser.error(f'--max-mb must be a number above 0, got {args.max_mb:g}')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from dataclasses import replace

    from msvitreid.utils.files import require_suffix, require_writable
    from msvitreid.visualization.report import Report, write_report

    require_suffix(args.out, ['.html'], '--out')
    read = [*args.runs, *args.robustness, *map(Path, filter(None, (args.card, args.groups)))]
    for path in (args.out, args.out.with_suffix('.json')):
        require_writable(path)
        if any(path.resolve() == one.resolve() for one in read):
            raise ConfigError(f'--out would overwrite {str(path)!r}, which is read')
    card = None
    if args.card is not None:
        from msvitreid.apis.verification import CalibrationCard

        card = CalibrationCard.load(args.card)
    names = args.names or [
        path.resolve().name if path.is_dir() else path.stem for path in args.runs
    ]
    require_distinct(names, 'runs')
    results = robustness_of(args.robustness, args.runs)
    runs = [facts_of(path, name, args) for path, name in zip(args.runs, names, strict=True)]
    require_models(results, runs)
    report = Report(runs, robustness=list(results.values()))
    if card is not None:
        report = replace(report, card=card.to_dict(), card_of=models_of(card, runs))
    print(*write_report(report, args.out, args.max_mb), sep='\n')


def facts_of(path: Path, name: str, args: argparse.Namespace) -> RunFacts:
    """What a RUN says, or what its net does.

    Raises:
        ReIDError: it is neither, or cannot be measured.
    """
    from dataclasses import replace

    from msvitreid.utils.printable import printable
    from msvitreid.visualization.report import measure_run, read_result_facts

    if not path.is_dir():
        facts = read_result_facts(path)
    else:
        from .tested_run import tested_run

        facts = measure_run(tested_run(path, args), args.resamples, seed=args.seed)
    return replace(facts, name=printable(name))


def robustness_of(given: Sequence[Path], runs: Sequence[Path]) -> dict[Path, RobustnessResult]:
    """Results by their files: those that are named, and those in the runs' folders.

    Raises:
        ConfigError: a file is no result.
    """
    from msvitreid.evaluation.robustness import read_result

    places = [run / name for run in runs for name in ROBUSTNESS_FILES]
    files = [*given, *(place for place in places if place.is_file())]
    return {file: read_result(file) for file in dict.fromkeys(files)}


def require_models(results: Mapping[Path, RobustnessResult], runs: Sequence[RunFacts]) -> None:
    """Check that each result is of a model of the report, where the models are known.

    Raises:
        ConfigError: one is not.
    """
    known = {run.fingerprint for run in runs if run.fingerprint}
    for file, result in results.items():
        if known and not known & {net.fingerprint for net in result.nets}:
            raise ConfigError(
                f'{str(file)!r} is of other models than the runs of this report; measure these '
                'with msvitreid robustness'
            )


def models_of(card: CalibrationCard, runs: Sequence[RunFacts]) -> list[str]:
    """Names of the runs whose model the card is of; none where no run says which it is.

    Raises:
        CalibrationError: it is of none of the models that are known.
    """
    known = [run for run in runs if run.fingerprint]
    same = [run.name for run in known if run.fingerprint == card.fingerprint]
    if known and not same:
        raise CalibrationError(
            f'the card of --card is of another model (fingerprint {card.fingerprint[:12]}…) than '
            f'{", ".join(run.name for run in known)}; calibrate this one'
        )
    return same
