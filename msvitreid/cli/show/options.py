"""Arguments that several pictures have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from msvitreid.cli.running import add_config_options, add_data_root_option, data_options

if TYPE_CHECKING:
    from msvitreid.apis.pictures import EmbeddedTestSet


def add_kind(kinds: Any, name: str, text: str) -> argparse.ArgumentParser:
    """The parser of one kind of picture, with what all have."""
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=text, description=text)
    parser.add_argument('--out', required=True, metavar='PICTURE', help='.png, .jpg or .pdf')
    parser.add_argument('--device', default='auto', help='auto (default), cpu or cuda:0')
    return parser


def add_tested(parser: argparse.ArgumentParser) -> None:
    """A config with a checkpoint."""
    parser.add_argument('config', metavar='CONFIG')
    parser.add_argument('checkpoint', metavar='CHECKPOINT')
    add_data_options(parser)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """What a config's test set is, and other changes of the config."""
    add_data_root_option(parser)
    add_config_options(parser)


def embedded(config: str, checkpoint: str, args: argparse.Namespace) -> EmbeddedTestSet:
    """The test set of a config by the net of a checkpoint."""
    from msvitreid.apis.pictures import embed_test_set

    return embed_test_set(config, checkpoint, data_options(args), args.device)


def token(text: str) -> tuple[int, int]:
    """``ROW,COL`` for argparse."""
    row, comma, column = text.partition(',')
    if not (comma and row.isdecimal() and column.isdecimal()):
        raise argparse.ArgumentTypeError(f'{text!r} is no ROW,COL such as 12,4')
    return int(row), int(column)
