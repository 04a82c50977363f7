"""Export a model file for other runtimes, kept only if it ranks images as the torch net does.

The file is written under a temporary name, read back by its runtime, and compared at batch 1
and 8. float32 must keep every ranking; half and int8 may lose --max-loss. Otherwise nothing
is left behind. Images that cannot be read are named on stderr and left out; at least four must
remain to compare.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    from msvitreid.apis.exporting import ExportReport

EXAMPLE = """\
example:
  msvitreid export model.safetensors --format onnx --out net.onnx --check crops/
"""
EXIT_CODES = f"""\
exit codes:
  0  the file is written
  1  it is not, as it ranks the images in another way; a file that was there before is kept
{NOT_DONE}"""

FORMATS = ('onnx', 'openvino', 'torchscript', 'torch-export')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('export', __doc__, EXAMPLE, EXIT_CODES)
    parser.add_argument('model', metavar='MODEL', help='a model file, model.safetensors')
    parser.add_argument('--format', choices=FORMATS, default='onnx', help='(default: onnx)')
    parser.add_argument(
        '--out',
        required=True,
        metavar='PATH',
        help='the file to write: .onnx, .xml (and .bin), .torchscript or .pt2',
    )
    parser.add_argument(
        '--check',
        required=True,
        nargs='+',
        metavar='IMAGES',
        help='images, folders or patterns to compare; with names such as 0012_c3_f1.jpg mAP is '
        'compared as well',
    )
    parser.add_argument(
        '--include',
        metavar='PART,...',
        help='what is computed in the file: preprocess (input uint8 RGB), flip (mirrored images '
        "are added), normalize (length 1), or none (default: all that the model's embedding has)",
    )
    lossy = parser.add_mutually_exclusive_group()
    lossy.add_argument(
        '--half', action='store_true', help='weights rounded to float16, half the size'
    )
    lossy.add_argument(
        '--int8',
        nargs='+',
        metavar='IMAGES',
        help='products in int8, with ranges of these training images',
    )
    parser.add_argument(
        '--max-loss',
        type=float,
        default=0.01,
        metavar='X',
        help='what --half and --int8 may lose of mAP or, without identities, of the ten nearest '
        'images (default: 0.01)',
    )
    add_json_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), export)


def export(args: argparse.Namespace) -> Done:
    from msvitreid.apis.exporting import export_model
    from msvitreid.apis.indexing import require_outside

    include = None
    if args.include is not None:
        include = [] if args.include == 'none' else args.include.split(',')
    require_outside(args.out, (args.model, *args.check, *(args.int8 or ())), '--out')
    report = export_model(
        args.model,
        args.out,
        args.check,
        args.format,
        include,
        'half' if args.half else 'int8' if args.int8 else 'float32',
        args.int8,
        args.max_loss,
    )
    report_failures(report.failed)
    said = 'written' if report.kept else f'was not written: {report.reason}'
    note(f'{args.out} {said}')
    return Done(report.as_dict(), as_text(report), not report.kept)


def as_text(report: ExportReport) -> str:
    """The comparison as a table, and what counts as equal in it."""
    from msvitreid.utils.printable import aligned

    mean_ap, speed = report.reference
    rows = [('', 'cosine min', 'rankings changed', 'of ten nearest', 'mAP', 'images/s')]
    rows.append(('torch, batch 32', '', '', '', _share(mean_ap), f'{speed:.1f}'))
    rows += [
        (
            f'{report.format}, batch {size}',
            f'{one.cosine_min:.6f}',
            f'{one.rankings_changed} of {report.images}',
            _share(one.overlap_at_10),
            _share(one.mean_ap),
            f'{one.images_per_second:.1f}',
        )
        for size, one in report.batches.items()
    ]
    inside = ', '.join(report.include) or 'none'
    return '\n'.join(
        [
            f'{report.format}, {report.precision}, includes: {inside}',
            aligned(rows),
            f'similarities closer than {report.tie:.1e} count as equal; loss {report.loss:.4f}',
        ]
    )


def _share(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.2f}'
