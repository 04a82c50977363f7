"""Convert the authors' weights files to our names, or back.

Both kinds are recognized by their names: the ImageNet classifier (``msvit_s.pth``) and the
ReID net (``ema.pth``). Of a pre-training checkpoint the exponentially averaged (EMA) weights are
taken. Values stay bit-equal.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msvitreid.errors import CheckpointError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='msvitreid convert', description=__doc__)
    parser.add_argument('src', help='file to read')
    parser.add_argument('dst', help='file to write')
    parser.add_argument('--to-official', action='store_true', help="write the authors' names")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.checkpoints import extract_state_dict, read_checkpoint, write_checkpoint
    from msvitreid.models.weights.official_names import from_official, recognise, to_official
    from msvitreid.utils.files import make_folder

    if os.path.exists(args.dst) and os.path.samefile(args.src, args.dst):
        raise CheckpointError(f'{args.dst!r} is the file to read; give another one to write')
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
    print(f'{kind}: {len(weights)} tensors written to {args.dst}{which_weights(checkpoint)}')


def which_weights(checkpoint: Mapping[str, Any]) -> str:
    """Of a training checkpoint, which of its weights its ``state_dict`` holds."""
    # mmengine's EMAHook swaps them: the weights as trained are its ema_state_dict.
    if 'ema_state_dict' in checkpoint:
        return ' (the EMA weights)'
    return ' (the weights as trained, there is no EMA)' if 'optimizer' in checkpoint else ''
