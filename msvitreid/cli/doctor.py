"""Check that every way to an embedding gives one ranking on this machine.

Files, arrays, PIL images, tensors and boxes, each backend and each export format, in batches of
1 and 32, are compared with files embedded by torch. One disagrees if a cosine is below 0.9999, or a
ranking differs. What is not installed is listed; images that cannot be read are named on stderr and
left out, and at least four must remain.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    from msvitreid.apis.doctor import Diagnosis

EXAMPLE = """\
example:
  msvitreid doctor model.safetensors crops/
"""
EXIT_CODES = f"""\
exit codes:
  0  all ways that are installed agree
  1  one disagrees, as the table says
{NOT_DONE}"""

#: Of the pedestrians that are drawn where no images are given: 24 pictures.
DRAWN: dict[str, Any] = {
    'num_train_ids': 2,
    'num_test_ids': 6,
    'num_cams': 3,
    'images_per_id': 1,
    'gallery_per_id': 3,
    'queries_per_id': 1,
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('doctor', __doc__, EXAMPLE, EXIT_CODES)
    parser.add_argument('model', metavar='MODEL', help='a model file, model.safetensors')
    parser.add_argument(
        'images',
        nargs='*',
        metavar='IMAGES',
        help='images, folders or patterns (default: 24 drawn pedestrians)',
    )
    add_json_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), check)


def check(args: argparse.Namespace) -> Done:
    from msvitreid.apis.doctor import examine
    from msvitreid.demo.drawn import make_synthetic

    if args.images:
        diagnosis = examine(args.model, args.images)
    else:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / 'drawn'
            make_synthetic(root, **DRAWN, workers=1)
            drawn = root / 'Occluded_Duke'
            diagnosis = examine(args.model, [drawn / 'query', drawn / 'bounding_box_test'])
    report_failures(diagnosis.failed)
    if not diagnosis.is_healthy:
        wrong = ', '.join(one.name for one in diagnosis.findings if one.is_fault)
        note(f'not the same embeddings by: {wrong}')
    return Done(diagnosis.as_dict(), as_text(diagnosis), not diagnosis.is_healthy)


def as_text(diagnosis: Diagnosis) -> str:
    """A table of the findings, and the versions."""
    from msvitreid.utils.printable import aligned

    rows = [('', 'cosine min', 'rankings changed', 'images/s', '')]
    speed = f'{diagnosis.images_per_second:.1f}'
    rows.append((f'reference: files, torch, {diagnosis.images} images', '', '', speed, ''))
    for one in diagnosis.findings:
        cells = ('', '', '')
        if one.measured is not None:
            cells = (
                f'{one.measured.cosine_min:.6f}',
                str(one.measured.rankings_changed),
                f'{one.measured.images_per_second:.1f}',
            )
        verdict = 'WRONG: ' if one.is_fault else '' if one.measured else 'left out: '
        rows.append((one.name, *cells, verdict + one.note))
    facts = ', '.join(f'{name} {version}' for name, version in diagnosis.versions.items())
    return '\n'.join(
        [
            aligned(rows),
            f'similarities closer than {diagnosis.tie:.1e} count as equal',
            f'versions: {facts}',
            f'devices: {", ".join(diagnosis.devices)}',
        ]
    )
