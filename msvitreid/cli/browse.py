"""See what a net is given: contact sheets after the pipeline, and a dataset's statistics."""

from __future__ import annotations

import argparse
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msvitreid.cli.arguments import whole_number
from msvitreid.cli.running import (
    add_config_argument,
    add_config_options,
    add_data_root_option,
    data_options,
    make_parser,
    quiet_log,
)
from msvitreid.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    import numpy as np
    from mmengine.config import Config

    from msvitreid.datasets import ReIDDataset
    from msvitreid.datasets.readers.id_names import IdNames
    from msvitreid.structures import ReIDDataSample
    from msvitreid.visualization import SheetRow

# Of a test split's identities, so many on a sheet, and so many images of each.
TEST_ROWS, TEST_COLUMNS = 8, 8
# Of larger splits so many images, evenly spread, are measured, for each file is opened.
MOST_SIZES = 2_000


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = make_parser('browse', __doc__)
    add_config_argument(parser)
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='where the PNGs go (default: work_dirs/<name of the config>/browse)',
    )
    parser.add_argument(
        '--batches',
        type=whole_number,
        default=2,
        metavar='N',
        help='contact sheets, or 0; of the training split, each is a batch (default: %(default)s)',
    )
    parser.add_argument(
        '--split',
        choices=['train', 'query', 'gallery'],
        default='train',
        help='train: after the training pipeline, in batches as the sampler makes them, with '
        'erasing; query, gallery: identities in order, after the test pipeline '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--seed',
        type=whole_number,
        default=0,
        metavar='N',
        help='draws batches and augmentations',
    )
    add_data_root_option(parser)
    add_config_options(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    # Heavy imports after the arguments, so that --help and a typing error answer at once.
    from mmengine.runner import set_random_seed

    from msvitreid.engine import (
        complete_config,
        default_work_dir,
        load_config,
        require_sections,
    )
    from msvitreid.registry import DATASETS
    from msvitreid.utils.config_files import find_config
    from msvitreid.visualization import draw_contact_sheet, draw_dataset_plots

    quiet_log('browse_dataset')
    config = find_config(args.config)
    cfg = complete_config(load_config(config, data_options(args)))
    is_train = args.split == 'train'
    loader = 'train_dataloader' if is_train else 'test_dataloader'
    require_sections(cfg, 'model', loader)
    dataset = DATASETS.build(cfg[loader].dataset)
    entries = [dataset.get_data_info(index) for index in range(len(dataset))]
    entries = [entry for entry in entries if entry['split'] == args.split]
    if not entries:
        raise ConfigError(f'--split {args.split}: {loader}.dataset has no images of this split')

    out = Path(args.out or Path(default_work_dir(config)) / 'browse')
    name = f'{Path(config).stem}, {args.split}'
    written = [out / f'statistics_{args.split}.png']
    cameras = dataset.id_names.camid
    draw_dataset_plots(entries, measure(entries), name, written[0], camera_name=cameras)

    set_random_seed(args.seed)
    batches = train_batches(dataset, cfg, args.seed) if is_train else test_batches(entries)
    for number, batch in enumerate(itertools.islice(batches, args.batches), start=1):
        images, samples = net_input([dataset[index] for index in batch], cfg, is_train)
        rows = identity_rows(images, samples, dataset.id_names)
        height, width = images.shape[1:3]
        counts = f'{len(images)} images of {len(rows)} identities, {height}x{width}'
        written.append(out / f'{args.split}_{number}.png')
        draw_contact_sheet(rows, f'{name}, sheet {number}: {counts}', out=written[-1])
    print(*written, sep='\n')


def train_batches(dataset: ReIDDataset, cfg: Config, seed: int) -> Iterator[list[int]]:
    """Dataset indices of the first epoch's batches, as the config's sampler makes them."""
    from msvitreid.registry import DATA_SAMPLERS

    loader = cfg.train_dataloader
    sampler = DATA_SAMPLERS.build(
        loader.sampler, default_args={'dataset': dataset, 'seed': seed}
    )
    indices = iter(sampler)
    while batch := list(itertools.islice(indices, loader.batch_size)):
        yield batch


def test_batches(entries: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    """Dataset indices of the first images of some identities after others."""
    images: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for entry in entries:
        # Members of a joined set are numbered apart, so this keeps them together only.
        images[entry.get('dataset', ''), entry['pid']].append(entry['sample_idx'])
    identities = [own[:TEST_COLUMNS] for _, own in sorted(images.items())]
    for start in range(0, len(identities), TEST_ROWS):
        yield list(itertools.chain(*identities[start : start + TEST_ROWS]))


def net_input(
    packed: Sequence[dict[str, Any]], cfg: Config, is_train: bool
) -> tuple[np.ndarray, list[ReIDDataSample]]:
    """What the preprocessor makes of a batch, ``(N, H, W, 3)`` uint8, and its samples."""
    from msvitreid.registry import MODELS

    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    batch = {key: [image[key] for image in packed] for key in ('inputs', 'data_samples')}
    images = preprocessor(batch, training=is_train)['inputs']
    # For people, the normalization is taken back.
    images = (images * preprocessor.std + preprocessor.mean).clamp(0, 1)
    return (images * 255).round().byte().permute(0, 2, 3, 1).numpy(), batch['data_samples']


def identity_rows(
    images: np.ndarray, samples: Sequence[ReIDDataSample], names: IdNames
) -> list[SheetRow]:
    """A row for each identity of a batch, in its order."""
    from msvitreid.visualization import SheetRow

    shown: dict[int, list[np.ndarray]] = defaultdict(list)
    captions: dict[int, list[str]] = defaultdict(list)
    for image, sample in zip(images, samples, strict=True):
        pid, camid = int(sample.pid), int(sample.camid)
        shown[pid].append(image)
        captions[pid].append('' if camid == -1 else f'camera {names.camid(camid)}')
    return [SheetRow(f'id {names.pid(pid)}', shown[pid], captions[pid]) for pid in shown]


def measure(entries: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Height and width of the images as they are loaded, or of some of many."""
    from msvitreid.datasets.transforms.image_decoding import decode_image

    some = entries[:: math.ceil(len(entries) / MOST_SIZES)]
    try:
        return [decode_image(entry['img_path']).values.shape[:2] for entry in some]
    except DatasetError as error:
        raise DatasetError(f'{error}; msvitreid check-data finds all such files') from error
