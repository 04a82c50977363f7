"""Measure a model's thresholds and error rates on labeled images, as a calibration card.

DATA is one of
  a CSV list with the columns path, pid and perhaps camid and split; paths are relative to it
  a folder with a folder per identity, or with query/ and gallery/, or test/, of such
  the folder of a dataset with a layout, such as Market-1501's
  a dataset's or config's name, as check-data takes it, and then perhaps its folder
Its identities must be others than the model was trained on. What lies in the folder and belongs to
no identity, and images that cannot be read, are named on stderr and left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msvitreid.errors import OutputError
from msvitreid.utils.printable import printable

from .arguments import positive
from .image_options import (
    NOT_DONE,
    Done,
    add_json_option,
    finish,
    note,
    report_failures,
)
from .running import make_parser

if TYPE_CHECKING:
    from msvitreid.apis.verification import CalibrationCard

#: Pairs of cameras in the summary.
WORST_SHOWN = 5

EXAMPLE = """\
example:
  msvitreid calibrate work_dirs/demo/train/model.safetensors work_dirs/demo/data/Occluded_Duke \\
      --fmr 1e-2 --out card.json --det det.png
"""
EXIT_CODES = f"""\
exit codes:
  0  the card is written
  1  the card is written, without the images that cannot be read
{NOT_DONE}"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('calibrate', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('model', metavar='MODEL', help='a model file, model.safetensors')
    add('data', metavar='DATA', help='labeled images, see above')
    add('root', nargs='?', metavar='ROOT', help='folder of a named dataset or of a list')
    add('--out', required=True, metavar='CARD.json', help='where the card goes')
    rates: dict[str, Any] = {'type': float, 'metavar': 'RATE'}
    add(
        '--fmr', default=1e-3, help='pairs of two called "same" (default: %(default)g)', **rates
    )
    add(
        '--fnmr',
        default=0.05,
        help='pairs of one called "different" (default: %(default)g)',
        **rates,
    )
    add(
        '--fpir',
        default=0.05,
        help='searches by new identities that find somebody (default: %(default)g)',
        **rates,
    )
    add(
        '--genuine',
        choices=['cross-camera', 'all'],
        help='which pairs of one identity count (default: cross-camera if cameras are known)',
    )
    add('--camera-pattern', metavar='REGEX', help='camera in file names, e.g. _c(\\d+)')
    add('--det', metavar='FILE.png', help='draw the DET curve and the reliability')
    add_json_option(parser)
    add('--device', default='auto', help='auto, cpu or cuda:0 (default: %(default)s)')
    add('--batch-size', type=positive, default=32, metavar='N', help='default: %(default)s')
    add('--resamples', type=int, default=1000, metavar='N', help='default: %(default)s')
    add('--seed', type=int, default=0, metavar='N', help='of all draws')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), run)


def run(args: argparse.Namespace) -> Done:
    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from msvitreid.apis import ReIDInferencer
    from msvitreid.apis.indexing import require_outside
    from msvitreid.apis.verification import calibrate
    from msvitreid.apis.verification.calibration import check_options
    from msvitreid.utils.files import require_suffix, require_writable

    from .labeled_images import read_labeled_images

    check_options(args.fmr, args.fnmr, args.fpir, args.resamples, args.seed)
    for name, path, suffix in (('--out', args.out, '.json'), ('--det', args.det, '.png')):
        if path is not None:
            require_suffix(path, [suffix], name)
            require_outside(path, filter(None, (args.model, args.data, args.root)), name)
            require_writable(path)
    data = read_labeled_images(args.data, args.root, args.camera_pattern)
    if data.distractors:
        note(f'{data.distractors:,} distractors are left out')
    if data.left_out:
        note(f'left out, as they belong to no identity: {data.left_out}')
    # What is too little is said before the net computes for an hour.
    require_enough_images(data.pids, data.camids, args)
    inferencer = ReIDInferencer(args.model, device=args.device)
    found = inferencer.embed(data.paths, args.batch_size, on_error='skip')
    report_failures(found.failed)
    kept = [place for place, path in enumerate(data.paths) if path not in found.failed]
    card = calibrate(
        found,
        [data.pids[place] for place in kept],
        [data.camids[place] for place in kept],
        fmr=args.fmr,
        fnmr=args.fnmr,
        fpir=args.fpir,
        genuine=args.genuine,
        name=data.name,
        resamples=args.resamples,
        seed=args.seed,
    )
    card.save(args.out)
    if args.det is not None:
        try:
            draw(card, args.det)
        except OutputError as error:
            raise OutputError(f'{error}; the card {args.out!r} is written') from error
    return Done(card.to_dict(), summary(card), bool(found.failed))


def require_enough_images(pids: list[str], camids: list[str], args: argparse.Namespace) -> None:
    """Check before embedding what :func:`calibrate` would refuse afterwards."""
    from msvitreid.apis.verification.calibration import require_enough
    from msvitreid.apis.verification.labels import pair_labels

    labels = pair_labels(pids, camids, (), args.genuine, len(pids))
    require_enough(labels, args.fmr, args.fnmr)


def draw(card: CalibrationCard, path: str) -> None:
    """Write the picture of ``--det``."""
    from msvitreid.visualization.verification_plots import draw_calibration

    draw_calibration(
        [(point.fmr, point.fnmr) for point in card.det],
        (card.fmr, card.fnmr),
        (card.fmr_interval, card.fnmr_interval),
        [(one.probability, one.share_same, one.pairs) for one in card.reliability.bins],
        card.reliability.expected_error,
        path,
    )


def summary(card: CalibrationCard) -> str:
    """The figures for people."""
    data = card.data
    lines = [
        f'{printable(data.name)}: {data.images:,} images, {data.identities:,} identities, '
        f'{data.genuine_pairs:,} pairs of one ({data.genuine}), {data.impostor_pairs:,} of two',
        f'same from {card.same_threshold:.4f}, different below {card.different_threshold:.4f}, '
        'in between it cannot tell',
        f'FMR   {card.fmr:.2e}  (of other identities {card.fmr_interval[0]:.2e} to '
        f'{card.fmr_interval[1]:.2e}; asked {card.fmr_asked:g})',
        f'FNMR  {card.fnmr:8.4f}  (of other identities {card.fnmr_interval[0]:.4f} to '
        f'{card.fnmr_interval[1]:.4f})',
        f'EER   {card.eer:8.4f}',
        f'expected error of probabilities {card.reliability.expected_error:.4f}',
    ]
    measured = [pair for pair in card.camera_pairs if pair.fmr is not None]
    for pair in sorted(measured, key=lambda pair: -(pair.fmr or 0))[:WORST_SHOWN]:
        missed = '-' if pair.fnmr is None else f'{pair.fnmr:.4f}'
        lines.append(
            f'cameras {" and ".join(map(printable, pair.cameras))}: FMR {pair.fmr:.2e}, '
            f'FNMR {missed}, own threshold {pair.threshold:.4f}'
        )
    if len(measured) > WORST_SHOWN:
        lines.append(
            f'{len(measured) - WORST_SHOWN} pairs of cameras with lower FMR: in the card'
        )
    for one in card.galleries:
        lines.append(
            f'gallery of {one.images:,}: FPIR {one.fpir:.4f} and FNIR {one.fnir:.4f} at this '
            f'threshold; FPIR {card.fpir_asked:g} from {one.threshold:.4f}, FNIR '
            f'{one.fnir_at_threshold:.4f}'
        )
    return '\n'.join(lines)
