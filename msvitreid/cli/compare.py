"""Say whether two images show the same identity.

Without a card only the similarity is printed: which similarity means "same" depends on the model.
With one, which msvitreid calibrate makes, the answer is "same", "different" or "cannot tell".
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .image_options import NOT_DONE, Done, add_json_option, finish
from .running import make_parser

EXAMPLE = """\
example:
  msvitreid compare work_dirs/demo/train/model.safetensors a.jpg b.jpg --card card.json
"""
EXIT_CODES = f"""\
exit codes:
  0  done, whatever the answer is
{NOT_DONE}"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('compare', __doc__, EXAMPLE, EXIT_CODES)
    add = parser.add_argument
    add('model', metavar='MODEL', help='a model file, model.safetensors')
    add('a', metavar='A', help='an image')
    add('b', metavar='B', help='the other')
    add('--card', metavar='CARD.json', help='calibration card of this model')
    add(
        '--cameras',
        nargs=2,
        metavar=('CAMERA_A', 'CAMERA_B'),
        help='of both images, as the card calls them',
    )
    add(
        '--prior',
        type=float,
        default=0.5,
        metavar='P',
        help='share of pairs of one identity among those compared (default: %(default)s)',
    )
    add_json_option(parser)
    add('--device', default='auto', help='auto, cpu or cuda:0 (default: %(default)s)')
    args = parser.parse_args(argv)
    if args.cameras is not None and args.card is None:
        parser.error('--cameras needs --card')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), compare)


def compare(args: argparse.Namespace) -> Done:
    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from msvitreid.apis import ReIDInferencer
    from msvitreid.apis.verification import CalibrationCard, Verifier

    card = None if args.card is None else CalibrationCard.load(args.card)
    inferencer = ReIDInferencer(args.model, device=args.device)
    if card is None:
        answer = similarity_only(inferencer, args.a, args.b)
    else:
        cameras = None if args.cameras is None else tuple(args.cameras)
        answer = asdict(Verifier(inferencer, card, args.prior).compare(args.a, args.b, cameras))
    return Done(answer, in_words(answer))


def similarity_only(inferencer: Any, a: str, b: str) -> dict[str, Any]:
    """What can be said without a card."""
    from msvitreid.errors import ConfigError

    unit = inferencer([a, b], progress=False)
    if len(unit) != 2:
        raise ConfigError('A and B must be two images, not folders or patterns')
    return {'similarity': float(unit[0] @ unit[1]), 'fingerprint': inferencer.fingerprint}


def in_words(answer: dict[str, Any]) -> str:
    """An answer in a few lines."""
    if 'answer' not in answer:
        return (
            f'similarity {answer["similarity"]:.4f}; whether that is "same" says a --card, which '
            'msvitreid calibrate makes'
        )
    low, high = answer['fmr_interval']
    lines = [
        f'{answer["answer"]}: similarity {answer["similarity"]:.4f}, same from '
        f'{answer["same_threshold"]:.4f}, different below {answer["different_threshold"]:.4f}',
        f'probability of "same" {answer["p_same"]:.3f}; FMR at the threshold '
        f'{answer["fmr"]:.2e} ({low:.2e} to {high:.2e})',
    ]
    return '\n'.join([*lines, *(f'warning: {one}' for one in answer['warnings'])])
