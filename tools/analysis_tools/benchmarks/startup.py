"""From the command to the first answer: imports, a tool's help, the first training step.

Every call is a process of its own. What ours adds to an import of torch is the difference.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msvitreid.demo.drawn import make_synthetic

from .results import Result
from .timing import paired

NAME = 'startup'
ROOT = Path(__file__).parents[3]
TRAIN = str(ROOT / 'tools' / 'train.py')

STATEMENTS = {
    'nothing': 'pass',
    'torch': 'import torch',
    'msvitreid': 'import msvitreid',
    'torch and msvitreid': 'import torch, msvitreid',
    'msvitreid.datasets': 'import msvitreid.datasets',
    'msvitreid.models': 'import msvitreid.models',
    'msvitreid.apis': 'import msvitreid.apis',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes none but those of all subjects."""


def run(args: argparse.Namespace) -> list[Result]:
    results = _imports(args.rounds)
    results += _alone('tools/train.py --help', lambda: _run([TRAIN, '--help']), args.rounds)
    with TemporaryDirectory() as folder:
        data = f'{folder}/data'
        # One batch of the demo's 6 identities x 4 images.
        make_synthetic(data, num_train_ids=6, num_test_ids=2, images_per_id=4, workers=1)
        results += _alone(
            'tools/train.py, first step of the demo',
            lambda: _train_one_step(data, f'{folder}/work'),
            args.rounds,
        )
    return results


def _imports(rounds: int) -> list[Result]:
    functions: dict[str, Callable[[], object]] = {
        name: lambda statement=statement: _run(['-c', statement])
        for name, statement in STATEMENTS.items()
    }
    seconds = paired(functions, rounds)
    torch_alone = seconds['torch']
    results = []
    for name, times in seconds.items():
        pairs = zip(times, torch_alone, strict=True)
        beyond = median(ours - theirs for ours, theirs in pairs)
        note = f'{beyond:+.2f} s to torch'
        results.append(Result(NAME, 'import', name, times, reference='torch', note=note))
    return results


def _alone(case: str, function: Callable[[], object], rounds: int) -> list[Result]:
    seconds = paired({'ours': function}, rounds)['ours']
    return [Result(NAME, case, 'ours', seconds, reference='ours')]


def _run(arguments: Sequence[str]) -> None:
    subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )


def _train_one_step(data: str, work_dir: str) -> None:
    """Start training, wait until the first step is logged, and end all its processes."""
    options = [f'data_root={data}', 'default_hooks.logger.interval=1']
    process = subprocess.Popen(
        [
            *(sys.executable, '-u', TRAIN, 'configs/demo/msvit-demo.py'),
            *('--work-dir', work_dir, '--cfg-options', *options),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if 'Epoch(train)' in line:
                return
    finally:
        # Its own session, so that the loading workers end too.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    raise RuntimeError('training ended before its first step:\n' + ''.join(lines[-20:]))
