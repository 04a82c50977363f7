"""``msvitreid COMMAND``: the table of commands, and what starts them."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from msvitreid.utils.near_names import did_you_mean
from msvitreid.version import __version__

from .running import run_tool


class Command(NamedTuple):
    """A module of this package that has ``main(argv)``, and one line of help."""

    module: str
    summary: str


COMMANDS = {
    'demo': Command('demo', 'the whole job on a drawn sample dataset, in minutes'),
    'train': Command('train', 'train a net from a config'),
    'test': Command('test', "evaluate a checkpoint on its config's test set"),
    'dist-train': Command('dist_train', 'train on several GPUs or machines'),
    'dist-test': Command('dist_test', 'test on several GPUs or machines'),
    'split': Command('split', 'deal the identities of your images into training and test'),
    'check-data': Command('check_data', 'check a dataset before it is used'),
    'browse': Command('browse', 'draw what a net is given, and statistics of a dataset'),
    'make-data': Command('make_data', 'draw the sample dataset'),
    'list-configs': Command('list_configs', 'names of the configs that come with the package'),
    'print-config': Command('print_config', 'print the config that runs, or a difference'),
    'complexity': Command('complexity', "count a net's parameters and MACs"),
    'embed': Command('embed', 'embeddings of images, as a file'),
    'index': Command('index', 'a gallery of images: add, remove, list, verify, copy, ...'),
    'search': Command('search', 'what a gallery holds that is most similar to an image'),
    'serve': Command('serve', 'a page and a REST interface to search a gallery'),
    'calibrate': Command('calibrate', 'measure thresholds and error rates of a model'),
    'compare': Command('compare', 'say whether two images show the same identity'),
    'compare-runs': Command('compare_runs', 'several runs in one picture and one table'),
    'experiments': Command('experiments', 'variants with several seeds, compared with a base'),
    'cluster': Command('cluster', 'group the images of a gallery by identity'),
    'report': Command('report', 'figures, curves and ranking lists of runs as one HTML file'),
    'robustness': Command('robustness', 'what nets lose under occlusion, blur, noise, ...'),
    'show': Command('show', 'pictures of rankings, attention, parts, embeddings, cameras'),
    'embed-tracks': Command('embed_tracks', 'one embedding for each track of a video'),
    'export': Command(
        'export', 'export a model file to ONNX, OpenVINO or TorchScript, checked'
    ),
    'doctor': Command('doctor', 'check that every way to an embedding gives one ranking here'),
    'convert': Command('convert', "a model file of a checkpoint; the authors' weights files"),
    'join': Command('join', 'several model files as one net'),
    'benchmark': Command('benchmark', 'measure speed on this machine (from a checkout)'),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; it gets the arguments after its name.

    Args:
        argv: without the program's name; ``None`` takes those of the process.
    """
    args = make_parser().parse_args(argv)
    module = importlib.import_module(f'{__package__}.{COMMANDS[args.command].module}')
    module.main(args.arguments)


def make_parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {command.summary}' for name, command in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog='msvitreid',
        description='Re-identification and instance retrieval with MSViT.',
        epilog='\n'.join(['commands:', *lines, '', 'msvitreid COMMAND --help says more.']),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An option of a command may be short for none of these.
        allow_abbrev=False,
    )
    parser.add_argument('--version', action='version', version=f'msvitreid {__version__}')
    parser.add_argument('command', metavar='COMMAND', type=known_command)
    parser.add_argument('arguments', nargs=argparse.REMAINDER, metavar='...')
    return parser


def known_command(name: str) -> str:
    """``name`` for argparse, which refuses an unknown one with near names."""
    if name not in COMMANDS:
        raise argparse.ArgumentTypeError(
            f'unknown command {name!r}{did_you_mean(name, COMMANDS)}; msvitreid --help lists all'
        )
    return name


def console() -> None:
    """The entry point of the installed command."""
    if len(sys.argv) == 1:
        make_parser().print_help(sys.stderr)
        sys.exit(2)
    run_tool(main)
