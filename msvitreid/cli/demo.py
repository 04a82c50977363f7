"""The whole job on a drawn sample dataset: train, average, test, and show.

Downloads nothing and needs no GPU; a few minutes on two CPU cores. Leaves in the work directory
results.md and results.json (an HSV histogram baseline, the untrained net, the last epoch, the
averaged net), ranking.jpg (queries and what the averaged net finds), data/ (the dataset) and
train/ (log, checkpoints, and model.safetensors for embed, index, search, compare and export).

Shorter, with a weaker net: --cfg-options train_cfg.max_epochs=9 custom_hooks.0.begin=7
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .running import add_config_options


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='msvitreid demo',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='where everything goes (default: %(default)s)',
    )
    parser.add_argument(
        '--train-ids',
        type=int,
        default=100,
        help='identities to train on (default: %(default)s)',
    )
    parser.add_argument(
        '--test-ids',
        type=int,
        default=40,
        help='other identities to find (default: %(default)s)',
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.demo.run import run_demo

    run_demo(args.work_dir, args.train_ids, args.test_ids, args.cfg_options)
