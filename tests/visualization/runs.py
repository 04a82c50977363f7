"""Work directories and test results as a run and ``tools/test.py --out`` leave them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path


def write_start(work_dir: Path, stamp: str, lines: Iterable[dict], tail: str = '') -> Path:
    """One start of a run, whose log ends with ``tail``."""
    folder = work_dir / stamp / 'vis_data'
    folder.mkdir(parents=True)
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (folder / 'scalars.json').write_text(text + tail)
    return work_dir


def train_line(epoch: int, iteration: int, loss: float, lr: float = 0.1) -> dict:
    times = {'data_time': 0.1, 'time': 0.2}
    place = {'epoch': epoch, 'iter': iteration, 'step': iteration}
    return {'lr': lr, **times, 'loss': loss, **place}


def val_line(step: int, **figures: float) -> dict:
    named = {name.replace('rank_', 'rank-'): value for name, value in figures.items()}
    return {**named, 'data_time': 0.1, 'time': 0.2, 'step': step}


def write_result(path: Path, checkpoint: Path, metrics: dict, ap: str = 'trapezoid') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {
        'metrics': metrics,
        'evaluator': {'type': 'ReIDMetric', 'ap': ap},
        'checkpoint': {'path': str(checkpoint), 'sha256': '0'},
    }
    path.write_text(json.dumps(result))
    return path


def finished_run(work_dir: Path, last: float = 0.5, averaged: float = 0.6) -> Path:
    """Two epochs of ten steps, validated after each, then averaged."""
    return write_start(
        work_dir,
        '20260101_000000',
        [
            train_line(1, 5, 4.0),
            train_line(1, 10, 3.0),
            val_line(1, mAP=last / 2, rank_1=last / 2 + 0.1),
            train_line(2, 15, 2.0, lr=0.01),
            train_line(2, 20, 1.0, lr=0.01),
            val_line(2, mAP=last, rank_1=last + 0.1),
            # mmengine repeats the figures that it knows.
            {**val_line(2, mAP=last), 'averaged/mAP': averaged, 'averaged/rank-1': 0.75},
        ],
    )
