"""A whole training on a set of made pictures, and the loading of its images alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from benchmarks.results import Result

from .job import Job
from .sizes import Sizes

ROOT = Path(__file__).parents[4]
CONFIG = 'msvit-s_market1501'
#: Different pictures; the files of a set repeat them.
PICTURES = 256
PICTURE = (128, 64)
IMAGES_PER_IDENTITY = 17
CAMERAS = 6


def training(
    sizes: Sizes, job: Job, options: Mapping[str, Any], timeout: float
) -> list[Result]:
    """Seconds of each epoch, and the share of them in which steps did not wait for images."""
    with TemporaryDirectory() as folder:
        make_set(Path(folder), sizes.images)
        command = [
            *(sys.executable, '-m', 'msvitreid', 'train', CONFIG, '--data-root', folder),
            *('--work-dir', f'{folder}/work', '--cfg-options'),
            *(f'{name}={value}' for name, value in {**_options(sizes), **options}.items()),
        ]
        if not sizes.emulated:
            command.insert(5, '--amp')
        started = time.perf_counter()
        output = run(command, timeout)
        elapsed = time.perf_counter() - started
        logs = sorted(Path(folder).glob('work/**/scalars.json'))
        if not logs:
            raise RuntimeError('no training log; the end of the output: ' + output[-400:])
        steps = [json.loads(line) for line in logs[0].read_text().splitlines()]
    # Lines of a test have no epoch.
    steps = [step for step in steps if {'data_time', 'epoch'} <= step.keys()]
    epochs = sorted({step['epoch'] for step in steps})
    # Each line of the log is a mean of the steps since the last one.
    count = steps[-1]['iter'] / len(epochs)
    seconds = [fmean(s['time'] for s in steps if s['epoch'] == e) * count for e in epochs]
    last = [step for step in steps if step['epoch'] == epochs[-1]]
    waiting = fmean(step['data_time'] for step in last) / fmean(step['time'] for step in last)
    return [
        job.result(
            tuple(seconds),
            note=f'{count * sizes.trained_batch / seconds[-1]:,.0f} images/s in the last '
            f'epoch, busy {1 - waiting:.0%} of it; {elapsed:.0f} s with start and end',
        )
    ]


def loading(sizes: Sizes, job: Job, options: Mapping[str, Any]) -> list[Result]:
    """Images of an epoch from files to batches in the host's memory, nothing trained."""
    from msvitreid.engine import load_config
    from msvitreid.registry import RUNNERS
    from msvitreid.utils.config_files import find_config

    with TemporaryDirectory() as folder:
        make_set(Path(folder), sizes.images)
        config = load_config(
            find_config(CONFIG), {**_options(sizes), **options, 'data_root': folder}
        )
        config.work_dir = f'{folder}/work'
        runner = RUNNERS.build(config)
        loader = runner.build_dataloader(runner._train_dataloader, seed=0)
        started = time.perf_counter()
        count = sum(len(batch['data_samples']) for batch in loader)
        seconds = time.perf_counter() - started
    return [
        job.result(
            (seconds,),
            note=f'{count / seconds:,.0f} images/s with {sizes.workers} workers of '
            f'{os.cpu_count()} CPUs',
        )
    ]


def make_set(root: Path, count: int) -> None:
    """Market-1501's folders with so many training images, and a few to test with."""
    pictures = [encode(number) for number in range(min(count, PICTURES))]
    # A training needs a few identities, however small the set is.
    each = min(IMAGES_PER_IDENTITY, max(1, count // 3))
    folder = root / 'Market-1501-v15.09.15'
    for name, images, first in (
        ('bounding_box_train', count, 2),
        ('query', 2, 1),
        ('bounding_box_test', 4, 1),
    ):
        (folder / name).mkdir(parents=True)
        for number in range(images):
            pid = first + number // each * 2
            camera = number % CAMERAS + 1
            file = f'{pid:04d}_c{camera}s1_{number:06d}_01.jpg'
            (folder / name / file).write_bytes(pictures[number % len(pictures)])


def encode(number: int) -> bytes:
    """A JPEG of clouds, about as long as those of people."""
    draw = np.random.default_rng(number)
    height, width = PICTURE
    picture = draw.normal(128, 3, (height, width, 3))
    for cells in (4, 16, 64):
        clouds = draw.normal(0, 40 * (4 / cells) ** 0.7, (cells, cells // 2, 3))
        picture += cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC)
    _, data = cv2.imencode('.jpg', picture.clip(0, 255).astype(np.uint8))
    return data.tobytes()


def run(command: list[str], timeout: float) -> str:
    """The output of a command.

    Raises:
        RuntimeError: it failed, or took longer.
    """
    # Of the worker's process group, so that it ends with it.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        # A whole training would take the interpreter hours.
        env={
            **os.environ,
            'TRITON_INTERPRET': '0',
            'PYTHONPATH': os.pathsep.join(map(str, [ROOT, *sys.path])),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise RuntimeError(f'stopped after {timeout:.0f} s') from None
    if process.returncode:
        lines = [line for line in output.splitlines() if line.strip()]
        raise RuntimeError(f'exit code {process.returncode}: {lines[-1] if lines else ""}')
    return output


def _options(sizes: Sizes) -> dict[str, Any]:
    options: dict[str, Any] = {
        'model.pretrained': None,
        'on_count_mismatch': 'ignore',
        'train_cfg.max_epochs': sizes.epochs,
        'train_cfg.val_interval': sizes.epochs + 1,
        'custom_hooks': [],
        'default_hooks.logger.interval': 10,
        'train_dataloader.num_workers': sizes.workers,
    }
    if sizes.emulated:
        options |= {
            'image_size': sizes.image,
            'model.backbone.arch': {'_delete_': True, **sizes.archs['s']},
            'model.backbone.split_size': sizes.split,
            'default_hooks.logger.interval': 1,
            'train_dataloader.batch_size': sizes.trained_batch,
            'train_dataloader.sampler.num_instances': 2,
        }
    return options
