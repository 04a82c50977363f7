"""Measure how much nets lose under occlusion, blur, noise and other corruptions of images."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.cli.arguments import positive, require_distinct, whole_number
from msvitreid.cli.running import add_config_options, make_parser, quiet_log
from msvitreid.errors import ConfigError

if TYPE_CHECKING:
    from msvitreid.apis.robustness import Step
    from msvitreid.apis.tested_net import TestedNet
    from msvitreid.evaluation.robustness import RobustnessResult

EPILOG = """\
NET is CONFIG CHECKPOINT, whose test set is the config's, or MODEL IMAGES: a model file and a CSV
list or a folder with a folder per identity. Several NETs stand in one table and one picture.

DIR gets robustness.json, .csv and .png, and the conditions that are done: the same command goes on
where it was stopped. docs/en/robustness.md says what the conditions are.

exit code 0: measured and written; 2, with one sentence: an argument or a file cannot be used.

examples:
  msvitreid robustness msvit-s_market1501 averaged.pth --out robustness
  msvitreid robustness model.safetensors crops/ --conditions 'occlusion-*' --out robustness
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('robustness', __doc__, EPILOG)
    add = parser.add_argument
    add('nets', nargs='+', metavar='NET', help='CONFIG CHECKPOINT, or MODEL IMAGES')
    add('--out', required=True, type=Path, metavar='DIR', help='folder of the results')
    add('--names', nargs='+', metavar='NAME', help='what the NETs are called')
    add(
        '--conditions',
        nargs='+',
        metavar='NAME',
        help="what to test; 'occlusion-*' is all that begin so; --list prints all",
    )
    add('--list', action=_ListConditions, help='print the conditions with their levels')
    add(
        '--apply-to',
        choices=['query', 'gallery', 'both'],
        default='query',
        help='which images are corrupted (default: %(default)s)',
    )
    add('--seed', type=whole_number, default=0, metavar='N', help='of what is drawn (0)')
    add(
        '--resamples',
        type=whole_number,
        default=1000,
        metavar='N',
        help='of identities, for the bands; 0 for none (default: %(default)s)',
    )
    add('--device', default='auto', help='auto (default), cpu or cuda:0')
    add('--batch-size', type=positive, metavar='N', help="default: the config's, or 32")
    add('--workers', type=whole_number, metavar='N', help='processes that decode images')
    add_config_options(parser)
    args = parser.parse_args(argv)
    if len(args.nets) % 2:
        parser.error('each NET is two arguments: CONFIG CHECKPOINT, or MODEL IMAGES')
    if args.names is not None and len(args.names) != len(args.nets) // 2:
        parser.error(f'--names takes {len(args.nets) // 2}, one for each NET')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.apis.robustness import joined_results, measure_robustness
    from msvitreid.evaluation.robustness import (
        DEFAULT_CONDITIONS,
        chosen_conditions,
        result_csv,
        result_json,
    )
    from msvitreid.utils.files import require_writable, write_text_atomically
    from msvitreid.visualization.results import draw_robustness
    from msvitreid.visualization.style import save

    if args.names:
        require_distinct(args.names, 'nets')
    conditions = chosen_conditions(args.conditions or DEFAULT_CONDITIONS)
    files = {kind: args.out / f'robustness.{kind}' for kind in ('json', 'csv', 'png')}
    for file in files.values():
        require_writable(file)
    quiet_log('robustness')
    results = []
    for number, pair in enumerate(zip(args.nets[::2], args.nets[1::2], strict=True)):
        net = _opened(*pair, args)
        name = args.names[number] if args.names else net.name
        print(f'{name}: {net.test_set.dataset.name}', file=sys.stderr)
        found = measure_robustness(
            net,
            conditions,
            args.apply_to,
            args.seed,
            args.resamples,
            args.workers,
            args.out / 'parts',
            _follower(),
        )
        results.append(found.named([name]))
    joined = joined_results(results)
    require_distinct([net.name for net in joined.nets], 'nets')
    write_text_atomically(files['json'], result_json(joined))
    write_text_atomically(files['csv'], result_csv(joined))
    save(draw_robustness(joined), files['png'])
    print(_table(joined))
    print(*files.values(), sep='\n')


class _ListConditions(argparse.Action):
    """``--list``: prints and ends, as ``--help`` does."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        from msvitreid.evaluation.robustness import CONDITIONS, DEFAULT_CONDITIONS

        for name, one in CONDITIONS.items():
            levels = ', '.join(map(one.shown, one.levels))
            mark = '*' if name in DEFAULT_CONDITIONS else ' '
            print(f'{mark} {name:28} {one.quantity}: {levels}')
        print('* tested by default')
        parser.exit()


def _opened(source: str, target: str, args: argparse.Namespace) -> TestedNet:
    from msvitreid.apis import ReIDInferencer
    from msvitreid.apis.tested_net import net_on_dataset, open_tested
    from msvitreid.checkpoints.model_file import is_model_file

    if not os.path.exists(source) or not is_model_file(source):
        return open_tested(source, target, args.cfg_options, args.device, args.batch_size)
    if args.cfg_options:
        raise ConfigError(
            '--cfg-options are for a config; a model file has its own description'
        )
    from .labeled_images import labeled_dataset

    dataset = labeled_dataset(target, None, None)
    inferencer = ReIDInferencer(source, device=args.device)
    return net_on_dataset(
        inferencer, dataset, None, Path(source), batch_size=args.batch_size or 32
    )


def _follower() -> Callable[[Step], None]:
    """Prints each level with the time that is left."""
    start = time.monotonic()

    def follow(step: Step) -> None:
        from msvitreid.evaluation.robustness import CONDITIONS

        condition = CONDITIONS[step.condition]
        left = (time.monotonic() - start) / step.done * (step.total - step.done)
        print(
            f'[{step.done}/{step.total}] {step.condition}, {condition.quantity} '
            f'{condition.shown(step.level)}: mAP {step.mean_ap:.1%}, {_duration(left)} left',
            file=sys.stderr,
        )

    return follow


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    return f'{seconds / 60:.0f} min' if seconds < 5400 else f'{seconds / 3600:.1f} h'


def _table(result: RobustnessResult) -> str:
    """Of each net, mAP in per cent by condition and strength."""
    from msvitreid.utils.printable import aligned

    columns = max(len(curve.levels) for net in result.nets for curve in net.curves)
    strengths = [f'level {number}' for number in range(1, columns)]
    lines = []
    for net in result.nets:
        rows = [['mAP, %', 'clean', *strengths, 'area', 'kept']]
        for curve in net.curves:
            cells = [f'{100 * one.figures["mAP"].value:.1f}' for one in curve.levels]
            cells += [''] * (columns - len(cells))
            area = f'{100 * curve.area["mAP"].value:.1f}'
            rows.append([curve.condition, *cells, area, f'{curve.kept("mAP"):.2f}'])
        lines += [net.name, aligned(rows), '']
    return '\n'.join(lines)
