"""Test on several GPUs of one machine, or of several machines, a process for each GPU."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .launching import gpu_count, launch, launch_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = launch_parser('test', __doc__)
    parser.add_argument('config', metavar='CONFIG', help='name or path of a config')
    parser.add_argument('checkpoint', metavar='CHECKPOINT', help='checkpoint file')
    parser.add_argument('gpus', metavar='GPUS', type=gpu_count, help='of this machine')
    parser.add_argument('options', nargs=argparse.REMAINDER, metavar='...')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    launch('test', args.gpus, [args.config, args.checkpoint], args.options)
