"""The main job on a drawn sample dataset: train, average, test, and show.

Leaves in the work directory ``results.md`` and ``results.json`` (an HSV histogram baseline,
the untrained net, the last epoch, the averaged net) and ``ranking.jpg`` (queries and what the
averaged net finds).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msvitreid.cli.running import add_config_options, run_tool

if TYPE_CHECKING:
    from mmengine.config import Config

    from msvitreid.apis import EmbeddedImages

CONFIG = Path(__file__).parents[1] / 'configs' / 'demo' / 'msvit-demo.py'
COLUMNS = ('mAP', 'rank-1', 'rank-5', 'mINP')
ROWS_SHOWN = 8


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', default='work_dirs/demo', help='where everything goes')
    parser.add_argument('--train-ids', type=int, default=100, help='identities to train on')
    parser.add_argument('--test-ids', type=int, default=40, help='other identities to find')
    add_config_options(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from msvitreid.demo.drawn import make_synthetic
    from msvitreid.engine import own_work_dir
    from msvitreid.registry import RUNNERS

    work_dir = Path(args.work_dir)
    started = time.monotonic()
    print(f'1/5 drawing the sample dataset: {work_dir / "data"}', flush=True)
    statistics = make_synthetic(
        work_dir / 'data',
        num_train_ids=args.train_ids,
        num_test_ids=args.test_ids,
        progress=True,
    )
    print(statistics)
    cfg = load_demo_config(work_dir, args.cfg_options)
    results = {}

    print('2/5 nearest neighbors of HSV histograms, without learning', flush=True)
    results['HSV histograms'] = score(hsv_baseline(cfg))
    print('3/5 the untrained net', flush=True)
    results['untrained net'] = score(embed(cfg, 'untrained', None))
    print('4/5 training', flush=True)
    with own_work_dir(work_dir / 'train'):
        RUNNERS.build(named(cfg, 'train')).train()
    print('5/5 the last epoch and the averaged net', flush=True)
    last = Path((work_dir / 'train' / 'last_checkpoint').read_text().strip())
    results['last epoch'] = score(embed(cfg, 'last', last))
    averaged = embed(cfg, 'averaged', work_dir / 'train' / 'averaged.pth')
    results['averaged net'] = score(averaged)

    write_results(work_dir, results)
    draw_picture(averaged, work_dir / 'ranking.jpg')
    print(f'\n{table(results)}\n')
    print(f'{time.monotonic() - started:.0f} s; {work_dir}/results.md, {work_dir}/ranking.jpg')


def load_demo_config(work_dir: Path, options: dict[str, Any]) -> Config:
    from msvitreid.engine import complete_config, load_config

    cfg = load_config(CONFIG, options)
    cfg.data_root = str(work_dir / 'data')
    cfg.work_dir = str(work_dir)
    return complete_config(cfg)


def named(cfg: Config, name: str) -> Config:
    """A copy with a folder and a log of its own."""
    cfg = cfg.copy()
    cfg.experiment_name = f'demo-{name}'
    cfg.work_dir = str(Path(cfg.work_dir) / name)
    return cfg


def hsv_baseline(cfg: Config) -> dict[str, EmbeddedImages]:
    import torch

    from msvitreid.apis import EmbeddedImages
    from msvitreid.demo.hsv import hsv_histogram
    from msvitreid.registry import DATASETS

    images = {}
    for split in ('query', 'gallery'):
        options = {**cfg.test_dataloader.dataset, 'split': split}
        samples = list(DATASETS.build(options))
        pixels = [packed['inputs'].permute(1, 2, 0).numpy() for packed in samples]
        embeddings = torch.from_numpy(hsv_histogram(pixels))
        for packed, embedding in zip(samples, embeddings, strict=True):
            packed['data_samples'].embedding = embedding
        images[split] = EmbeddedImages.from_samples([p['data_samples'] for p in samples])
    return images


def embed(cfg: Config, name: str, checkpoint: Path | None) -> dict[str, EmbeddedImages]:
    """The test set as seen by a checkpoint's net, or by a fresh one."""
    from msvitreid.apis import embed_dataset
    from msvitreid.engine import use_test_only
    from msvitreid.registry import RUNNERS

    cfg = named(cfg, name)
    use_test_only(cfg, checkpoint)
    cfg.log_level = 'WARNING'
    runner = RUNNERS.build(cfg)
    if checkpoint is None:
        runner.model.init_weights()
    else:
        runner.load_checkpoint(str(checkpoint))
    return embed_dataset(runner.model, runner.test_dataloader)


def score(images: dict[str, EmbeddedImages]) -> dict[str, float]:
    from msvitreid.evaluation.functional import rank_metrics

    query, gallery = images['query'], images['gallery']
    metrics = rank_metrics(
        query.embeddings,
        gallery.embeddings,
        query.pids,
        gallery.pids,
        query.camids,
        gallery.camids,
        ap='trapezoid',
    )
    return {column: float(metrics[column]) for column in COLUMNS}


def draw_picture(images: dict[str, EmbeddedImages], path: Path) -> None:
    """Ranking lists of queries spread evenly over the set."""
    from msvitreid.evaluation.functional import top_matches
    from msvitreid.visualization import draw_ranking_lists

    query, gallery = images['query'], images['gallery']
    shown = np.linspace(0, len(query.pids) - 1, min(ROWS_SHOWN, len(query.pids))).astype(int)
    matches = top_matches(
        query.embeddings[shown],
        gallery.embeddings,
        10,
        query.pids[shown],
        gallery.pids,
        query.camids[shown],
        gallery.camids,
    )
    similarity = (query.embeddings[shown] @ gallery.embeddings.T).numpy()
    draw_ranking_lists(
        [query.img_paths[i] for i in shown],
        gallery.img_paths,
        matches,
        query.pids[shown],
        gallery.pids,
        similarity=np.take_along_axis(similarity, matches, axis=1),
        out=path,
    )


def table(results: dict[str, dict[str, float]]) -> str:
    """A Markdown table in per cent."""
    lines = [f'| | {" | ".join(COLUMNS)} |', '|---|' + '---:|' * len(COLUMNS)]
    for name, figures in results.items():
        lines.append(
            f'| {name} | ' + ' | '.join(f'{100 * figures[c]:.1f}' for c in COLUMNS) + ' |'
        )
    return '\n'.join(lines)


def write_results(work_dir: Path, results: dict[str, dict[str, float]]) -> None:
    from msvitreid.utils.files import write_text_atomically
    from msvitreid.utils.versions import versions

    document = {'results': results, 'ap': 'trapezoid', 'versions': versions()}
    write_text_atomically(work_dir / 'results.json', json.dumps(document, indent=2) + '\n')
    title = 'Sample dataset (drawn pedestrians), occluded queries, unseen identities, in %'
    write_text_atomically(work_dir / 'results.md', f'{title}\n\n{table(results)}\n')


if __name__ == '__main__':
    run_tool(main)
