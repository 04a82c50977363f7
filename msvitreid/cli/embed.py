"""Embed images and write the embeddings to a file.

MODEL is a model file (model.safetensors), or a config with --weights. The file has the paths, the
embeddings and the model's fingerprint; what cannot be read is named on stderr and left out. Under
torchrun each process embeds its share, on a GPU of its own, and the first one writes the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .image_options import (
    EXIT_CODES,
    INPUTS_HELP,
    Done,
    add_error_option,
    add_json_option,
    add_model_options,
    finish,
    joined_processes,
    load_inferencer,
    report_failures,
)
from .running import make_parser

EXAMPLE = """\
example:
  msvitreid embed model.safetensors crops/ --out embeddings.npz
  torchrun --nproc-per-node 8 -m msvitreid embed model.safetensors crops/ --out embeddings.npz
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('embed', __doc__, EXAMPLE, EXIT_CODES)
    parser.add_argument('model', metavar='MODEL', help='a model file, or a config')
    parser.add_argument('inputs', nargs='+', metavar='INPUT', help=INPUTS_HELP)
    parser.add_argument(
        '--out', required=True, metavar='FILE', help='to write: .npz, .csv or .parquet'
    )
    add_model_options(parser)
    add_error_option(parser)
    add_json_option(parser)
    return parser.parse_intermixed_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    finish(parse_args(argv), embed)


def embed(args: argparse.Namespace) -> Done | None:
    from msvitreid.apis.indexing import image_paths, require_outside
    from msvitreid.apis.results import SUFFIXES
    from msvitreid.apis.shares import embed_in_shares
    from msvitreid.utils.files import make_folder, require_suffix, require_writable
    from msvitreid.utils.printable import counted

    # Before the work, which may take hours.
    require_suffix(args.out, SUFFIXES, '--out')
    read = (args.model, args.weights, *args.inputs)
    require_outside(args.out, filter(None, read), '--out')
    require_writable(args.out)
    with joined_processes() as is_first:
        paths = image_paths(args.inputs)
        found = embed_in_shares(
            load_inferencer(args),
            paths,
            args.batch_size,
            on_error=args.on_error,
            progress=None if is_first else False,
        )
        if not is_first:
            return None
    make_folder(Path(args.out).parent)
    found.write(args.out)
    report_failures(found.failed)
    document = {
        'out': args.out,
        'images': len(found),
        'dimension': found.embeddings.shape[1],
        'fingerprint': found.fingerprint,
        'failed': found.failed,
    }
    text = f'{counted(len(found), "embedding")} written to {args.out}'
    return Done(document, text, bool(found.failed))
