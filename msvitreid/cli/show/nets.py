"""``show attention`` and ``show parts``: what a net looks at in an image."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from msvitreid.errors import ConfigError

from .options import add_kind, token


def add_attention(kinds: Any) -> None:
    one = add_kind(kinds, 'attention', 'keys that the sparse attention of a token keeps')
    one.add_argument('model', metavar='MODEL')
    one.add_argument('image', metavar='IMAGE')
    one.add_argument(
        '--token',
        type=token,
        metavar='ROW,COL',
        help='in the map of the last stage with attention, from 0,0 (default: its middle)',
    )
    one.add_argument(
        '--occlude', action='store_true', help='once more with a gray box over the lower body'
    )


def add_parts(kinds: Any) -> None:
    one = add_kind(kinds, 'parts', 'rows of the parts and where they are pooled from')
    one.add_argument('model', metavar='MODEL')
    one.add_argument('image', metavar='IMAGE')
    one.add_argument('other', metavar='OTHER', nargs='?', help='compared with IMAGE')


def draw_attention_of(args: argparse.Namespace) -> list[str]:
    import numpy as np
    import torch

    from msvitreid.visualization.nets import AttentionRow, attention_of, draw_attention
    from msvitreid.visualization.style import save

    model, preparation, _ = _opened(args.model, args.device)
    image = preparation.of_file(args.image)
    boxes: list[Any] = [None]
    if args.occlude:
        height, width = image.shape[1:]
        boxes.append((height // 2, width // 8, height - height // 16, width - width // 8))
    rows = []
    for box in boxes:
        shown = image.clone()
        if box is not None:
            shown[:, box[0] : box[2], box[1] : box[3]] = 128
        found = attention_of(model, torch.as_tensor(shown), args.token)
        pixels = np.ascontiguousarray(shown.permute(1, 2, 0).numpy())
        rows.append(AttentionRow('as it is' if box is None else 'covered', pixels, found, box))
    row, column = rows[0].attention.stages[-1].token
    title = f'{Path(args.image).name}, keys kept by token {row},{column}'
    save(draw_attention(rows, title), args.out)
    return [args.out]


def draw_parts_of(args: argparse.Namespace) -> list[str]:
    import torch

    from msvitreid.visualization.nets import (
        PartsRow,
        draw_parts,
        pooled_vectors,
        similarity_shares,
    )
    from msvitreid.visualization.style import save

    model, preparation, description = _opened(args.model, args.device)
    paths = [args.image] if args.other is None else [args.image, args.other]
    images = [preparation.of_file(path) for path in paths]
    rows = [
        PartsRow(Path(path).name, image.permute(1, 2, 0).numpy(), pooled_vectors(model, image))
        for path, image in zip(paths, images, strict=True)
    ]
    shares, lines = None, []
    if args.other is not None:
        if images[0].shape != images[1].shape:
            raise ConfigError(
                f'{paths[0]} and {paths[1]} have two sizes, which this model leaves as they are; '
                'give images of one size'
            )
        shares = similarity_shares(model, torch.stack(images), description['flip'])
        lines = [
            f'{name:>12} {share:+.4f}'
            for name, share in zip(shares.names, shares.shares, strict=True)
        ]
        lines.append(f'{"similarity":>12} {shares.similarity:+.4f}')
    save(draw_parts(rows, 'part pooling', shares), args.out)
    return [*lines, args.out]


def _opened(path: str, device: str) -> tuple[Any, Any, Any]:
    """The net, how images are prepared for it, and its description."""
    from msvitreid.apis.inferencer import chosen_device
    from msvitreid.datasets.transforms.image_preparation import ImagePreparation
    from msvitreid.models.model_description import load_model

    place = chosen_device(device)
    model, description = load_model(path)
    preparation = ImagePreparation(
        description['pipeline'], description['preprocessing']['value_range']
    )
    return model.to(place), preparation, description
