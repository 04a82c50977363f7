"""``show map``: embeddings of a test set or of a gallery as points."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from msvitreid.cli.arguments import positive, whole_number

from .options import add_data_options, add_kind, embedded


def add_map(kinds: Any) -> None:
    one = add_kind(kinds, 'map', 'embeddings of a test set or of a gallery as points')
    one.add_argument('source', metavar='CONFIG|GALLERY')
    one.add_argument('checkpoint', metavar='CHECKPOINT', nargs='?', help='with a config')
    one.add_argument(
        '--method',
        choices=['pca', 'tsne'],
        default='pca',
        help='principal components, or neighborhoods by t-SNE (default: %(default)s)',
    )
    one.add_argument(
        '--seed', type=whole_number, default=0, metavar='N', help='of all draws (0)'
    )
    one.add_argument(
        '--most', type=positive, default=5000, metavar='N', help='images, drawn if more (5000)'
    )
    one.add_argument('--mark', nargs='+', metavar='IMAGE', help='with --model: also these')
    one.add_argument('--model', metavar='MODEL', help="the gallery's, which is checked")
    add_data_options(one)


def check_map(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse what argparse cannot."""
    if args.mark and args.model is None:
        parser.error('--mark needs --model')
    if args.checkpoint is not None and args.model is not None:
        parser.error('--model is for a gallery; with a config leave it out')


def draw(args: argparse.Namespace) -> list[str]:
    import numpy as np

    from msvitreid.apis import ReIDInferencer
    from msvitreid.apis.pictures import (
        MapPoints,
        points_of_gallery,
        points_of_test_set,
        project,
        sample,
    )
    from msvitreid.gallery import open_gallery
    from msvitreid.visualization.results import draw_embedding_map
    from msvitreid.visualization.style import save

    marked: list[str] = []
    extra = None
    if args.checkpoint is not None:
        images = embedded(args.source, args.checkpoint, args)
        name, points = images.name, points_of_test_set(images)
    else:
        inferencer = args.model and ReIDInferencer(args.model, device=args.device)
        fingerprint = inferencer.fingerprint if inferencer else None
        with open_gallery(args.source, readonly=True, fingerprint=fingerprint) as gallery:
            name, points = Path(args.source).name, points_of_gallery(gallery)
        if args.mark:
            found = inferencer.embed(args.mark)
            marked, extra = [Path(path).name for path in found.paths], found.embeddings
    total = len(points.labels)
    points = sample(points, args.most, args.seed)
    shown = points.embeddings if extra is None else np.concatenate([points.embeddings, extra])
    plane, shares = project(shown, args.method, args.seed)
    axes = ('', '')
    if shares is not None:
        axes = (
            f'first principal component, {shares[0]:.1%} of the variance',
            f'second, {shares[1]:.1%}',
        )
    count = len(points.labels)
    method = 'PCA' if args.method == 'pca' else 't-SNE: neighborhoods, no distances'
    of_all = '' if count == total else f' of {total:,}'
    points = MapPoints(plane[:count], points.labels)
    stars = dict(zip(marked, plane[count:], strict=True))
    title = f'{name}: {count:,}{of_all} images, {method}'
    save(draw_embedding_map(points.embeddings, points.labels, title, axes, stars), args.out)
    return [args.out]
