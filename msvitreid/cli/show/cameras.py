"""``show cameras``: mAP and rank-1 by query and gallery camera."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_kind, add_tested, embedded


def add_cameras(kinds: Any) -> None:
    one = add_kind(kinds, 'cameras', 'mAP and rank-1 by query and gallery camera')
    add_tested(one)


def draw(args: argparse.Namespace) -> list[str]:
    from msvitreid.errors import DatasetError
    from msvitreid.evaluation.functional import camera_pair_metrics
    from msvitreid.visualization.results import draw_camera_pairs
    from msvitreid.visualization.style import save

    images = embedded(args.config, args.checkpoint, args)
    if (images.camids == -1).all():
        raise DatasetError(f'{images.name}: no image of the test set has a camera')
    found = camera_pair_metrics(**images.ranked, ap=images.ap, topk=(1,))
    names = [
        ['unknown' if one == -1 else images.names.full_camid(one) for one in side.tolist()]
        for side in (found.query_cameras, found.gallery_cameras)
    ]
    title = f'{images.name}, {images.ap} AP, each gallery camera ranked by itself'
    save(draw_camera_pairs(found, title, *names), args.out)
    return [args.out]
