"""The run of ``msvitreid demo``: draw a dataset, train, average, test, and show."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from msvitreid.utils.config_files import configs_folder

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from msvitreid.apis import EmbeddedImages

CONFIG = configs_folder() / 'demo' / 'msvit-demo.py'
COLUMNS = ('mAP', 'rank-1', 'rank-5', 'mINP')
ROWS_SHOWN, HITS_SHOWN = 8, 10

INTRODUCTION = """\
The demo downloads nothing. It draws pedestrians, trains a small net on some of them and looks for
others, whom the net has never seen: minutes on two CPU cores. Everything goes to {work_dir}/.
"""
CONCLUSION = """\
In %: each query is a person partly hidden, and the gallery is sorted by similarity to it. rank-1,
rank-5: queries with the right person first, among the first five. mAP: precision averaged over all
images of the person; mINP: how early the last of them comes. The drawings show that the parts work
together, and nothing about real images; a ResNet-18 of 18 times the size does better on them.

{seconds:.0f} s; {work_dir}/ranking.jpg shows what the averaged net finds, and
{work_dir}/train/model.safetensors is that net, for images of your own. Next:
  msvitreid browse msvit-demo --cfg-options data_root={work_dir}/data
  msvitreid test msvit-demo {work_dir}/train/averaged.pth --cfg-options data_root={work_dir}/data
  msvitreid doctor {work_dir}/train/model.safetensors
  msvitreid train msvit-s_market1501 --cfg-options data_root=FOLDER model.pretrained=None
"""


def run_demo(work_dir: Path, train_ids: int, test_ids: int, options: dict[str, Any]) -> None:
    """Make the dataset, train, and print and write the table of figures.

    Args:
        work_dir: folder of all that is made: ``data/``, ``train/``, ``results.md``,
            ``results.json`` and ``ranking.jpg``.
        train_ids, test_ids: drawn identities, to train on and to find.
        options: as of ``--cfg-options``, for the demo's config.

    Raises:
        ReIDError: an option is wrong, or ``data/`` holds something else.
    """
    from mmengine.logging import MMLogger

    from msvitreid.demo.drawn import make_synthetic

    # An option that is wrong is refused before minutes of drawing.
    cfg = load_demo_config(work_dir, options)
    # What the datasets log while they are read is in the log of the training.
    MMLogger.get_instance('demo', log_level='WARNING')
    started = time.monotonic()
    print(INTRODUCTION.format(work_dir=work_dir))
    print(f'1/5 drawing the sample dataset: {work_dir / "data"}', flush=True)
    is_terminal = sys.stdout.isatty()
    made = make_synthetic(
        work_dir / 'data', num_train_ids=train_ids, num_test_ids=test_ids, progress=is_terminal
    )
    images = made.train_images + made.query_images + made.gallery_images
    print(f'  {images} images of {train_ids} + {test_ids} identities', flush=True)
    results = {}

    print('2/5 nearest neighbors of HSV histograms, without learning', flush=True)
    results['HSV histograms'] = shown_score(hsv_baseline(cfg))
    print('3/5 the untrained net', flush=True)
    results['untrained net'] = shown_score(embed(cfg, 'untrained', None))
    print('4/5 training', flush=True)
    train(cfg)
    print('5/5 the last epoch and the averaged net', flush=True)
    last = Path((work_dir / 'train' / 'last_checkpoint').read_text().strip())
    results['last epoch'] = shown_score(embed(cfg, 'last', last))
    averaged = embed(cfg, 'averaged', work_dir / 'train' / 'averaged.pth')
    results['averaged net'] = shown_score(averaged)

    write_results(work_dir, results)
    draw_ranking_picture(averaged, work_dir / 'ranking.jpg')
    print(f'\n{table(results)}\n')
    seconds = time.monotonic() - started
    print(CONCLUSION.format(work_dir=shlex.quote(str(work_dir)), seconds=seconds), end='')


def train(cfg: Config) -> None:
    """Train the demo's net, which resumes where it was stopped."""
    from msvitreid.engine import fitting_threads, own_work_dir
    from msvitreid.registry import RUNNERS

    from .training_progress import TrainingProgress

    cfg = named(cfg, 'train')
    with fitting_threads(cfg.train_dataloader), own_work_dir(cfg.work_dir):
        with quiet_terminal():
            runner = RUNNERS.build(cfg)
        log_to_file_only(runner)
        print(f'  log: {runner.log_dir}/{runner.timestamp}.log', flush=True)
        runner.register_hook(TrainingProgress())
        runner.train()


@contextlib.contextmanager
def quiet_terminal() -> Iterator[None]:
    """Keep what a start prints from the terminal; log files and errors are as ever."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def log_to_file_only(runner: Runner) -> None:
    """Let only warnings and errors of a run reach the terminal."""
    for handler in runner.logger.handlers:
        # A file handler is a stream handler too.
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setStream(sys.stdout)
            handler.setLevel(logging.WARNING)


def shown_score(images: dict[str, EmbeddedImages]) -> dict[str, float]:
    """Figures of embedded images, printed."""
    figures = score(images)
    print(f'  mAP {100 * figures["mAP"]:.1f}, rank-1 {100 * figures["rank-1"]:.1f}', flush=True)
    return figures


def load_demo_config(work_dir: Path, options: dict[str, Any]) -> Config:
    """The demo's config with its options, complete."""
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
    """The test images described by their colors, without learning."""
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
    with quiet_terminal():
        runner = RUNNERS.build(cfg)
    log_to_file_only(runner)
    if checkpoint is None:
        runner.model.init_weights()
    else:
        runner.load_checkpoint(str(checkpoint))
    return embed_dataset(runner.model, runner.test_dataloader, progress=sys.stdout.isatty())


def score(images: dict[str, EmbeddedImages]) -> dict[str, float]:
    """MAP and rank-k of the queries in the gallery."""
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


def draw_ranking_picture(images: dict[str, EmbeddedImages], path: Path) -> None:
    """Ranking lists of queries spread evenly over the set."""
    from msvitreid.evaluation.functional import top_matches
    from msvitreid.visualization import draw_ranking_lists

    query, gallery = images['query'], images['gallery']
    shown = np.linspace(0, len(query.pids) - 1, min(ROWS_SHOWN, len(query.pids))).astype(int)
    matches = top_matches(
        query.embeddings[shown],
        gallery.embeddings,
        HITS_SHOWN,
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
    """Write the figures of all nets as JSON."""
    from msvitreid.utils.files import write_text_atomically
    from msvitreid.utils.versions import versions

    document = {'results': results, 'ap': 'trapezoid', 'versions': versions()}
    write_text_atomically(work_dir / 'results.json', json.dumps(document, indent=2) + '\n')
    title = 'Sample dataset (drawn pedestrians), occluded queries, unseen identities, in %'
    write_text_atomically(work_dir / 'results.md', f'{title}\n\n{table(results)}\n')
