"""Pictures of what a net does: rankings, curves, attention, parts, a map of embeddings, cameras."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.cli.running import add_config_options
from msvitreid.errors import ConfigError

if TYPE_CHECKING:
    from msvitreid.apis.pictures import EmbeddedTestSet

EPILOG = """\
CONFIG is a config's name or path, CHECKPOINT its weights or a model file, MODEL a model file.
The suffix of --out says what is written: .png, .jpg or .pdf. docs/en/pictures.md says what the
pictures show.

examples:
  msvitreid show ranking msvit-s_market1501 averaged.pth --queries worst --out worst.png
  msvitreid show attention model.safetensors a.jpg --token 12,4 --occlude --out attention.png
  msvitreid show parts model.safetensors a.jpg b.jpg --out parts.png
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='msvitreid show',
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = parser.add_subparsers(dest='what', metavar='WHAT', required=True)

    one = _kind(kinds, 'ranking', 'what queries of a test set find')
    _add_tested(one)
    one.add_argument(
        '--queries',
        choices=['best', 'worst', 'random', 'all'],
        default='random',
        help='which, by average precision (default: %(default)s)',
    )
    one.add_argument('--count', type=positive, default=8, metavar='N', help='queries (8)')
    one.add_argument('--hits', type=positive, default=10, metavar='K', help='images each (10)')
    one.add_argument(
        '--pages',
        type=positive,
        default=12,
        metavar='ROWS',
        help='queries of a page (12); further ones go to OUT-2, OUT-3, ...',
    )
    one.add_argument('--seed', type=whole, default=0, metavar='N', help='of random queries (0)')
    one.add_argument(
        '--no-left-out',
        action='store_true',
        help="hide images that do not count, of the query's identity and camera, and junk",
    )
    one.add_argument(
        '--unlabeled', action='store_true', help='no identities and frames, to guess first'
    )

    one = _kind(kinds, 'curves', 'CMC, precision and recall, DET, similarities of pairs')
    one.add_argument(
        'nets', nargs='+', metavar='CONFIG CHECKPOINT', help='of each net, a config and weights'
    )
    one.add_argument('--names', nargs='+', metavar='NAME', help='what the nets are called')
    one.add_argument('--ranks', type=positive, default=20, metavar='K', help='of the CMC (20)')
    add_config_options(one)

    one = _kind(kinds, 'attention', 'keys that the sparse attention of a token keeps')
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

    one = _kind(kinds, 'parts', 'rows of the parts and where they are pooled from')
    one.add_argument('model', metavar='MODEL')
    one.add_argument('image', metavar='IMAGE')
    one.add_argument('other', metavar='OTHER', nargs='?', help='compared with IMAGE')

    one = _kind(kinds, 'map', 'embeddings of a test set or of a gallery as points')
    one.add_argument('source', metavar='CONFIG|GALLERY')
    one.add_argument('checkpoint', metavar='CHECKPOINT', nargs='?', help='with a config')
    one.add_argument(
        '--method',
        choices=['pca', 'tsne'],
        default='pca',
        help='principal components, or neighborhoods by t-SNE (default: %(default)s)',
    )
    one.add_argument('--seed', type=whole, default=0, metavar='N', help='of all draws (0)')
    one.add_argument(
        '--most', type=positive, default=5000, metavar='N', help='images, drawn if more (5000)'
    )
    one.add_argument('--mark', nargs='+', metavar='IMAGE', help='with --model: also these')
    one.add_argument('--model', metavar='MODEL', help="the gallery's, which is checked")
    add_config_options(one)

    one = _kind(kinds, 'cameras', 'mAP and rank-1 by query and gallery camera')
    _add_tested(one)

    args = parser.parse_args(argv)
    if args.what == 'curves':
        if len(args.nets) % 2:
            parser.error('curves takes a CONFIG and a CHECKPOINT for each net')
        if args.names is not None and len(args.names) != len(args.nets) // 2:
            parser.error(f'--names takes {len(args.nets) // 2}, one for each net')
    if args.what == 'map':
        if args.mark and args.model is None:
            parser.error('--mark needs --model')
        if args.checkpoint is not None and args.model is not None:
            parser.error('--model is for a gallery; with a config leave it out')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from mmengine.logging import MMLogger

    from msvitreid.utils.files import require_writable
    from msvitreid.visualization.style import require_format

    require_format(args.out)
    require_writable(args.out)
    if not MMLogger.check_instance_created('show'):
        MMLogger.get_instance('show', log_level='WARNING')
    written = DRAW[args.what](args)
    print('\n'.join(written))


def ranking(args: argparse.Namespace) -> list[str]:
    import numpy as np

    from msvitreid.apis.pictures import choose_queries, rank_with_left_out
    from msvitreid.visualization import draw_ranking_lists

    images = _embedded(args.config, args.checkpoint, args)
    precisions = images.average_precisions(required=args.queries in ('best', 'worst'))
    chosen = choose_queries(precisions, args.queries, args.count, args.seed)
    gallery_paths = [images.paths[i] for i in images.gallery]
    notes = [_notes(images, i) for i in images.gallery]
    starts = range(0, len(chosen), args.pages)
    written = []
    for number, start in enumerate(starts, start=1):
        rows = chosen[start : start + args.pages]
        found = rank_with_left_out(images, rows, args.hits, not args.no_left_out)
        queries = images.query[rows]
        names = np.array([images.names.full_pid(pid) for pid in images.pids.tolist()])
        draw_ranking_lists(
            [images.paths[i] for i in queries],
            gallery_paths,
            found.matches,
            None if args.unlabeled else names[queries],
            None if args.unlabeled else names[images.gallery],
            found.similarity,
            thumb=(88, 176),
            out=(out := _page(args.out, number, len(starts))),
            left_out=None if args.unlabeled else found.left_out,
            query_notes=[
                [*([] if args.unlabeled else [_ap(precisions[row])]), *_notes(images, i)]
                for row, i in zip(rows, queries, strict=True)
            ],
            gallery_notes=notes,
        )
        written.append(out)
    return written


def curves(args: argparse.Namespace) -> list[str]:
    from msvitreid.errors import DatasetError
    from msvitreid.evaluation.functional import retrieval_curves
    from msvitreid.visualization.results import draw_curves
    from msvitreid.visualization.style import save

    nets = {}
    pairs = list(zip(args.nets[::2], args.nets[1::2], strict=True))
    for number, (config, checkpoint) in enumerate(pairs):
        images = _embedded(config, checkpoint, args)
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


def attention(args: argparse.Namespace) -> list[str]:
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


def parts(args: argparse.Namespace) -> list[str]:
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


def embedding_map(args: argparse.Namespace) -> list[str]:
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
        images = _embedded(args.source, args.checkpoint, args)
        name, points = images.name, points_of_test_set(images)
    else:
        inferencer = args.model and ReIDInferencer(args.model, device=args.device)
        fingerprint = inferencer.fingerprint if inferencer else None
        with open_gallery(args.source, readonly=True, fingerprint=fingerprint) as gallery:
            name, points = Path(args.source).name, points_of_gallery(gallery)
        if args.mark:
            embedded = inferencer.embed(args.mark)
            marked, extra = [Path(path).name for path in embedded.paths], embedded.embeddings
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


def cameras(args: argparse.Namespace) -> list[str]:
    from msvitreid.errors import DatasetError
    from msvitreid.evaluation.functional import camera_pair_metrics
    from msvitreid.visualization.results import draw_camera_pairs
    from msvitreid.visualization.style import save

    images = _embedded(args.config, args.checkpoint, args)
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


DRAW: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    'ranking': ranking,
    'curves': curves,
    'attention': attention,
    'parts': parts,
    'map': embedding_map,
    'cameras': cameras,
}


def token(text: str) -> tuple[int, int]:
    """``ROW,COL`` for argparse."""
    row, comma, column = text.partition(',')
    if not (comma and row.isdecimal() and column.isdecimal()):
        raise argparse.ArgumentTypeError(f'{text!r} is no ROW,COL such as 12,4')
    return int(row), int(column)


def whole(text: str) -> int:
    """A whole number from 0 on, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 0 on')
    return int(text)


def positive(text: str) -> int:
    """A whole number from 1 on, for argparse."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'{text!r} is no whole number from 1 on')
    return int(text)


def _kind(kinds: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = kinds.add_parser(name, help=text, description=text)
    parser.add_argument('--out', required=True, metavar='PICTURE', help='.png, .jpg or .pdf')
    parser.add_argument('--device', default='auto', help='auto (default), cpu or cuda:0')
    return parser


def _add_tested(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', metavar='CONFIG')
    parser.add_argument('checkpoint', metavar='CHECKPOINT')
    add_config_options(parser)


def _embedded(config: str, checkpoint: str, args: argparse.Namespace) -> EmbeddedTestSet:
    from msvitreid.apis.pictures import embed_test_set

    return embed_test_set(config, checkpoint, args.cfg_options, args.device)


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


def _page(out: str, number: int, count: int) -> str:
    path = Path(out)
    if count == 1:
        return out
    return str(path.with_name(f'{path.stem}-{number:0{len(str(count))}}{path.suffix}'))


def _notes(images: EmbeddedTestSet, index: int) -> list[str]:
    camid = int(images.camids[index])
    camera = [] if camid == -1 else [f'camera {images.names.full_camid(camid)}']
    return [*camera, Path(images.paths[index]).name]


def _ap(value: float) -> str:
    return 'no match' if value != value else f'AP {value:.1%}'
