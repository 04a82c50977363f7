"""Train a net from a config."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from msvitreid.cli.running import (
    add_config_options,
    add_launcher_option,
    exit_when_preempted,
    run_tool,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, e.g. configs/msvit/msvit-s_market1501.py')
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
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
        load_config,
        own_work_dir,
        require_sections,
        start_new_run,
        use_amp,
        use_resume,
    )
    from msvitreid.registry import RUNNERS

    cfg = load_config(args.config, args.cfg_options)
    require_sections(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_config(cfg)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(args.config)
    cfg.launcher = args.launcher
    if args.amp:
        use_amp(cfg)
    if args.accept_changes:
        cfg.accept_changes = True
    with own_work_dir(cfg.work_dir, args.launcher):
        if args.resume is None:
            start_new_run(cfg)
        else:
            use_resume(cfg, None if args.resume == 'auto' else Path(args.resume))
        RUNNERS.build(cfg).train()


if __name__ == '__main__':
    run_tool(main)
