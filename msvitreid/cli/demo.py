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

from msvitreid.errors import CalibrationError

from .running import add_config_options, make_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('demo', __doc__)
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
    parser.add_argument(
        '--serve',
        action='store_true',
        help='then put the test images into a gallery, and serve the page that searches it',
    )
    add_config_options(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.demo.run import run_demo

    if args.serve:
        from .serve import require_packages

        # Not after minutes of training.
        require_packages()
    run_demo(args.work_dir, args.train_ids, args.test_ids, args.cfg_options)
    if args.serve:
        serve_demo(args.work_dir)


def serve_demo(work_dir: Path) -> None:
    """Serve the drawn test images with the trained net, until Ctrl-C."""
    from . import calibrate, index, serve

    data = work_dir / 'data' / 'Occluded_Duke'
    gallery, model = str(work_dir / 'people.gallery'), str(work_dir / 'train/model.safetensors')
    patterns = ('--camera-from', '_c([0-9]+)', '--pid-from', '([0-9]+)_c')
    print('\nthe images of the test set in a gallery', flush=True)
    index.main(['add', gallery, model, str(data / 'bounding_box_test'), *patterns])
    card = str(work_dir / 'card.json')
    options = []
    try:
        calibrate.main([model, str(data), '--out', card, '--fmr', '0.01', '--resamples', '100'])
        options = ['--card', card]
    except CalibrationError as error:
        print(f'without a calibration card: {error}')
    print(f'\nan image to search with: {min((data / "query").iterdir())}')
    serve.main([gallery, model, *options, '--port', '0'])
