"""Train a net from a config."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from msvitreid.cli.running import (
    add_config_argument,
    add_config_options,
    add_data_root_option,
    add_launcher_option,
    data_options,
    exit_when_preempted,
    make_parser,
)

#: Where results go.
EPILOG = """\
The work directory gets a log, checkpoints (epoch_N.pth) and the result: averaged.pth, or
best_*.pth where the config says save_best. Test it by msvitreid test.
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('train', __doc__, EPILOG)
    add_config_argument(parser)
    parser.add_argument(
        '--work-dir',
        help="where logs and checkpoints go (default: the config's work_dir, or "
        'work_dirs/<name of the config>)',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from the newest checkpoint of the work directory, or from this one',
    )
    parser.add_argument(
        '--accept-changes',
        action='store_true',
        help='resume although options or data differ, with those of now',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision (needs a GPU)')
    add_data_root_option(parser)
    add_config_options(parser)
    add_launcher_option(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    exit_when_preempted()

    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from msvitreid.engine import (
        check_config,
        default_work_dir,
        fitting_threads,
        load_config,
        own_work_dir,
        require_sections,
        start_new_run,
        use_amp,
        use_resume,
    )
    from msvitreid.registry import RUNNERS
    from msvitreid.utils.config_files import find_config

    config = find_config(args.config)
    options = data_options(args)
    cfg = load_config(config, options)
    require_sections(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_config(cfg)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(config)
    cfg.launcher = args.launcher
    if args.amp:
        use_amp(cfg)
    if args.accept_changes:
        cfg.accept_changes = True
    threads = fitting_threads(cfg.train_dataloader)
    with threads, own_work_dir(cfg.work_dir, args.launcher):
        if args.resume is None:
            start_new_run(cfg)
        else:
            use_resume(cfg, None if args.resume == 'auto' else Path(args.resume))
        RUNNERS.build(cfg).train()
