"""Make a model file of a checkpoint, or convert weights files to the names that are read here.

With --config, SRC is a checkpoint of that config, such as a run's averaged.pth, and DST the model
file: the net with its preprocessing, for use without the config.

With --timm, SRC holds the weights of a net that timm has, perhaps under other names, and DST is the
file that timm reads: pretrain/NAME.safetensors for the configs whose names end in it.

Without either, weights are renamed. Both kinds of the authors' files are recognized by their
names: the ImageNet classifier (msvit_s.pth) and the ReID net (ema.pth). Of a pre-training
checkpoint the exponentially averaged (EMA) weights are taken. Values stay bit-equal.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msvitreid.errors import CheckpointError

from .image_options import Done, finish
from .running import make_parser

EPILOG = """\
examples:
  msvitreid convert averaged.pth model.safetensors --config msvit-s_market1501
  msvitreid convert mobilenet_v2.pt pretrain/mobilenetv2_100.safetensors --timm mobilenetv2_100
  msvitreid convert ema.pth ours.pth
  msvitreid convert ours.pth ema.pth --to-official

exit codes: 0 done, 2 not done, because of what one sentence on stderr says
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('convert', __doc__, EPILOG)
    parser.add_argument('src', metavar='SRC', help='file to read')
    parser.add_argument('dst', metavar='DST', help='file to write')
    parser.add_argument(
        '--config',
        metavar='CONFIG',
        help='make a model file: name or path of the config of SRC',
    )
    parser.add_argument(
        '--timm', metavar='NAME', help="write the weights of timm's net NAME for timm to read"
    )
    parser.add_argument(
        '--license', default='', metavar='TEXT', help='a note in the model file for its users'
    )
    parser.add_argument('--to-official', action='store_true', help="write the authors' names")
    args = parser.parse_args(argv)
    kinds = {'--config': args.config, '--timm': args.timm, '--to-official': args.to_official}
    given = [name for name, value in kinds.items() if value]
    if len(given) > 1:
        parser.error(f'{" and ".join(given)} cannot be combined')
    is_safetensors = args.dst.endswith('.safetensors')
    if (args.config or args.timm) and not is_safetensors:
        parser.error(f'a model file must be called *.safetensors, got {args.dst!r}')
    if not args.config and (args.license or (is_safetensors and not args.timm)):
        parser.error('a model file (*.safetensors, --license) needs the --config of SRC')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.config is not None:
        finish(args, make_model_file)
    else:
        finish(args, rename_weights if args.timm is None else make_timm_file)


def make_model_file(args: argparse.Namespace) -> Done:
    from msvitreid.apis import model_file_from_run

    found = model_file_from_run(args.config, args.src, args.dst, license=args.license)
    return Done({}, f'{args.dst} written; fingerprint {found}')


def make_timm_file(args: argparse.Namespace) -> Done:
    from msvitreid.checkpoints import extract_state_dict, read_checkpoint
    from msvitreid.checkpoints.safetensors_file import read_safetensors, write_safetensors
    from msvitreid.models.weights.timm_names import as_timm
    from msvitreid.utils.files import make_folder

    require_other_file(args)
    if args.src.endswith('.safetensors'):
        weights, _ = read_safetensors(args.src)
    else:
        weights = extract_state_dict(read_checkpoint(args.src), args.src)
    converted, has_classifier = as_timm(weights, args.timm, args.src)
    make_folder(Path(args.dst).parent)
    write_safetensors(args.dst, converted, {'format': 'pt'})
    note = '' if has_classifier else '; the classifier, which SRC lacks, is zero'
    return Done({}, f'{args.timm}: {len(converted)} tensors written to {args.dst}{note}')


def require_other_file(args: argparse.Namespace) -> None:
    if os.path.exists(args.dst) and os.path.samefile(args.src, args.dst):
        raise CheckpointError(f'{args.dst!r} is the file to read; give another one to write')


def rename_weights(args: argparse.Namespace) -> Done:
    from msvitreid.checkpoints import extract_state_dict, read_checkpoint, write_checkpoint
    from msvitreid.models.weights.official_names import from_official, recognise, to_official
    from msvitreid.utils.files import make_folder

    require_other_file(args)
    checkpoint = read_checkpoint(args.src)
    weights = extract_state_dict(checkpoint, args.src)
    recognized = recognise(weights)
    if recognized is None:
        raise CheckpointError(
            f'{args.src!r} is neither an MSViT classifier nor an MSViT ReID net '
            f'(first name: {next(iter(weights))!r})'
        )
    kind, official = recognized
    if official == args.to_official:
        names = "the authors'" if official else 'our'
        raise CheckpointError(
            f'{args.src!r} has {names} names already; '
            + ('leave out' if official else 'give')
            + ' --to-official to convert it'
        )
    make_folder(Path(args.dst).parent)
    if args.to_official:
        write_checkpoint(to_official(weights, kind), args.dst)
    else:
        meta = {'kind': kind, 'source': "authors' file"}
        converted = {'meta': meta, 'state_dict': from_official(weights, kind)}
        write_checkpoint(converted, args.dst)
    text = f'{kind}: {len(weights)} tensors written to {args.dst}{which_weights(checkpoint)}'
    return Done({}, text)


def which_weights(checkpoint: Mapping[str, Any]) -> str:
    """Of a training checkpoint, which of its weights its ``state_dict`` holds."""
    # mmengine's EMAHook swaps them: the weights as trained are its ema_state_dict.
    if 'ema_state_dict' in checkpoint:
        return ' (the EMA weights)'
    return ' (the weights as trained, there is no EMA)' if 'optimizer' in checkpoint else ''
