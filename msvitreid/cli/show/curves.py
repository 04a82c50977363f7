"""``show curves``: CMC, precision and recall, DET and similarities of several nets."""

from __future__ import annotations

import argparse
from typing import Any

from msvitreid.cli.arguments import positive
from msvitreid.errors import ConfigError

from .options import add_data_options, add_kind, embedded


def add_curves(kinds: Any) -> None:
    one = add_kind(kinds, 'curves', 'CMC, precision and recall, DET, similarities of pairs')
    one.add_argument(
        'nets', nargs='+', metavar='CONFIG CHECKPOINT', help='of each net, a config and weights'
    )
    one.add_argument('--names', nargs='+', metavar='NAME', help='what the nets are called')
    one.add_argument('--ranks', type=positive, default=20, metavar='K', help='of the CMC (20)')
    add_data_options(one)


def check_curves(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what argparse cannot."""
    if len(args.nets) % 2:
        parser.error('curves takes a CONFIG and a CHECKPOINT for each net')
    if args.names is not None and len(args.names) != len(args.nets) // 2:
        parser.error(f'--names takes {len(args.nets) // 2}, one for each net')


def draw(args: argparse.Namespace) -> list[str]:
    from msvitreid.errors import DatasetError
    from msvitreid.evaluation.functional import retrieval_curves
    from msvitreid.visualization.results import draw_curves
    from msvitreid.visualization.style import save

    nets = {}
    pairs = list(zip(args.nets[::2], args.nets[1::2], strict=True))
    for number, (config, checkpoint) in enumerate(pairs):
        images = embedded(config, checkpoint, args)
        name = args.names[number] if args.names else images.name
        if name in nets:
            raise ConfigError(f'two nets are called {name!r}; give them --names')
        try:
            nets[name] = retrieval_curves(**images.ranked, ranks=args.ranks)
        except ValueError as error:
            raise DatasetError(f'{images.name}: {error}') from error
    save(draw_curves(nets, 'queries that have a match; pairs that are ranked'), args.out)
    lines = [
        f'{name}: rank-1 {found.cmc[0]:.4f}, EER {found.eer:.4f}'
        for name, found in nets.items()
    ]
    return [*lines, args.out]
