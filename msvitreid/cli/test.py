"""Evaluate a checkpoint on its config's test set."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from numbers import Real
from typing import Any

from msvitreid.cli.running import (
    add_config_argument,
    add_config_options,
    add_data_root_option,
    add_launcher_option,
    data_options,
    make_parser,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('test', __doc__)
    add_config_argument(parser, 'config the checkpoint was trained with: its name or path')
    parser.add_argument(
        'checkpoint',
        help='checkpoint file, e.g. work_dirs/NAME/averaged.pth, or a model file (*.safetensors), '
        'whose net and preprocessing take the place of those of the config',
    )
    parser.add_argument(
        '--out',
        metavar='FILE.json',
        help='write the figures there (default: they are printed and logged only)',
    )
    parser.add_argument(
        '--work-dir',
        help="where the log goes; by default test/ in the checkpoint's folder, if that is a run's "
        'and writable, else in the work_dir of the config, or work_dirs/<name of the config>/test',
    )
    parser.add_argument(
        '--rerank',
        action='store_true',
        help='also rank by k-reciprocal re-ranking',
    )
    parser.add_argument(
        '--bootstrap',
        type=int,
        metavar='N',
        help='also give 95 %% intervals of the figures, from N resamples of the identities',
    )
    parser.add_argument(
        '--backend',
        metavar='NAME',
        help="what computes the net: torch (the configs' default), openvino, or openvino-int8, "
        'which is inexact and calibrated with training images',
    )
    add_data_root_option(parser)
    add_config_options(parser)
    add_launcher_option(parser)
    args = parser.parse_args(argv)
    if args.out is not None and (not args.out.endswith('.json') or os.path.isdir(args.out)):
        parser.error(f'--out must name a .json file, got {args.out!r}')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from mmengine.dist import is_main_process

    from msvitreid.checkpoints import digest
    from msvitreid.checkpoints.model_file import is_model_file
    from msvitreid.engine import (
        check_config,
        default_test_dir,
        fitting_threads,
        load_config,
        made_work_dir,
        require_sections,
        use_backend,
        use_bootstrap,
        use_model_file,
        use_rerank,
        use_test_only,
    )
    from msvitreid.registry import BACKENDS, RUNNERS
    from msvitreid.utils.config_files import find_config
    from msvitreid.utils.files import require_writable, write_text_atomically
    from msvitreid.utils.versions import versions

    config = find_config(args.config)
    options = data_options(args)
    cfg = load_config(config, options)
    require_sections(cfg, 'model', 'test_dataloader', 'test_cfg', 'test_evaluator')
    if is_model_file(args.checkpoint):
        use_model_file(cfg, args.checkpoint, options)
    check_config(cfg)
    # Not the training run's own folder, whose config file must stay.
    cfg.work_dir = args.work_dir or default_test_dir(cfg, config, args.checkpoint)
    cfg.launcher = args.launcher
    if args.out is not None:
        require_writable(args.out)
    backend = use_backend(cfg, args.backend)
    use_test_only(cfg, args.checkpoint)
    if args.rerank:
        use_rerank(cfg)
    if args.bootstrap is not None:
        use_bootstrap(cfg, args.bootstrap)
    sha256 = digest(args.checkpoint)
    threads = fitting_threads(cfg.test_dataloader)
    with threads, made_work_dir(cfg.work_dir):
        metrics = RUNNERS.build(cfg).test()
    if args.out is not None and is_main_process():
        computed_by: Any = BACKENDS.get(backend)
        result = {
            'metrics': {k: float(v) for k, v in metrics.items() if isinstance(v, Real)},
            'evaluator': cfg.test_evaluator.to_dict(),
            'config': args.config,
            'options': options,
            'checkpoint': {'path': os.path.abspath(args.checkpoint), 'sha256': sha256},
            'backend': backend,
            'versions': versions(*computed_by.packages),
        }
        write_text_atomically(args.out, json.dumps(result, indent=2) + '\n')
