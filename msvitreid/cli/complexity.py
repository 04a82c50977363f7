"""Count a net's parameters and multiply-accumulates (MACs), part by part.

MACs are those of one image going through once to its features: convolutions and matrix
products, both of attention's included. Classifiers of a re-identification net are not run for
features, so they add parameters only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msvitreid.cli.arguments import positive
from msvitreid.cli.running import add_config_argument, add_config_options, make_parser
from msvitreid.errors import ConfigError
from msvitreid.utils.printable import aligned

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

    from msvitreid.models.complexity import Complexity


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('complexity', __doc__)
    add_config_argument(
        parser, 'name of a config or path of one, or a model file (.safetensors)'
    )
    parser.add_argument(
        '--shape',
        type=positive,
        nargs=2,
        metavar=('H', 'W'),
        help="size of the image (default: that of the config's test pipeline, or of the file)",
    )
    parser.add_argument(
        '--num-classes',
        type=positive,
        metavar='N',
        help="classes of the head's classifiers (default: none, as for retrieval, or as many "
        'as the config says)',
    )
    parser.add_argument('--out', type=Path, metavar='FILE', help='write to a .json or .csv')
    add_config_options(parser)
    args = parser.parse_args(argv)
    if args.out is not None and args.out.suffix not in ('.json', '.csv'):
        parser.error(f"--out must name a .json or .csv file, got '{args.out}'")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.checkpoints.model_file import is_model_file
    from msvitreid.models.complexity import count_complexity, total_complexity
    from msvitreid.utils.files import write_text_atomically
    from msvitreid.utils.spreadsheets import csv_text

    model, size = (of_model_file if is_model_file(args.config) else of_config)(args)
    height, width = size
    parts = count_complexity(model, (height, width))
    rows = [*parts, total_complexity(parts)]
    print(f'{args.config}: one {height}x{width} image')
    print(as_table(rows))
    if args.out is None:
        return
    if args.out.suffix == '.csv':
        text = csv_text([('part', 'parameters', 'macs'), *rows])
    else:
        facts = {
            'config': args.config,
            'options': args.cfg_options,
            'image_size': [height, width],
            'num_classes': args.num_classes,
            'parts': [row._asdict() for row in parts],
            'total': {'parameters': rows[-1].parameters, 'macs': rows[-1].macs},
        }
        text = json.dumps(facts, indent=2) + '\n'
    write_text_atomically(args.out, text)


def of_config(args: argparse.Namespace) -> tuple[nn.Module, tuple[int, int]]:
    """The net, and the size of its images."""
    from msvitreid.engine import complete_config, load_config, require_sections
    from msvitreid.utils.config_files import find_config

    cfg = load_config(find_config(args.config), args.cfg_options)
    require_sections(cfg, 'model')
    cfg = complete_config(cfg)
    return build_model(cfg, args.num_classes), args.shape or test_image_size(cfg)


def of_model_file(args: argparse.Namespace) -> tuple[nn.Module, tuple[int, int]]:
    """The net, and the size of its images.

    Raises:
        ConfigError: an option is one of configs, or the file does not say the size.
    """
    from msvitreid.models.model_description import load_model

    for option, value in (
        ('--num-classes', args.num_classes),
        ('--cfg-options', args.cfg_options),
    ):
        if value:
            raise ConfigError(f'{option} is for configs; {args.config!r} describes its own net')
    model, description = load_model(args.config)
    size = args.shape or description['preprocessing']['image_size']
    if size is None:
        raise ConfigError(f'{args.config!r} takes images of any size; give one by --shape H W')
    return model, size


def test_image_size(cfg: Config) -> tuple[int, int]:
    """Height and width of the images that the config tests on, or validates on.

    Raises:
        ConfigError: the config does not say.
    """
    from msvitreid.datasets.transforms.output_size import output_size
    from msvitreid.engine.config.image_size import stated_image_size

    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader') or {}
    pipeline = loader.get('dataset', {}).get('pipeline')
    # What the test pipeline makes, or else what the config says of its files.
    size = (output_size(pipeline) if pipeline else None) or stated_image_size(cfg)
    if size is None:
        reason = 'leaves images in their size' if pipeline else 'is missing'
        raise ConfigError(
            f'the size of the images is unknown, because the test pipeline of {cfg.filename!r} '
            f'{reason}; give it by --shape H W'
        )
    return size


def build_model(cfg: Config, num_classes: int | None) -> nn.Module:
    """The config's net, with random weights."""
    from msvitreid.engine.config.initial_weights import without_initial_weights
    from msvitreid.registry import MODELS

    model = without_initial_weights(cfg.model.to_dict())
    if num_classes is not None:
        if not model.get('head'):
            raise ConfigError(f'--num-classes needs a model.head, {cfg.filename!r} has none')
        model['head']['num_classes'] = num_classes
    return MODELS.build(model)


def as_table(rows: Sequence[Complexity]) -> str:
    """Lines of aligned columns."""
    header = ('part', 'parameters', 'MACs')
    cells = [header, *((row.name, f'{row.parameters:,}', f'{row.macs:,}') for row in rows)]
    return aligned(cells)
