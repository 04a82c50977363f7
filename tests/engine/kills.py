"""Kill a training run with SIGKILL at a random moment, resume it, and compare the weights.

``python -m tests.engine.kills`` prints the table of docs/en/fault_tolerance.md.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from msvitreid.engine import own_work_dir, use_resume
from msvitreid.registry import HOOKS
from tests.engine.tiny_run import build_runner, tiny_config
from tests.miniature import write_market1501

EPOCHS, WINDOW = 4, 3
Event = tuple[str, int, int]

#: What is killed, and in which of the events that the run reports.
PHASES: dict[str, Callable[[Event], bool]] = {
    'start-up': lambda event: event[0] == 'start',
    'step before the averaging window': lambda e: e[0] == 'step' and e[1] < WINDOW,
    'step inside the averaging window': lambda e: e[0] == 'step' and e[1] >= WINDOW,
    'checkpoint write': lambda event: event[0] == 'write epoch',
    'validation': lambda event: event[0] == 'validation',
    'BatchNorm re-estimation': lambda event: event[0] == 'bn',
    'write of the averaged net': lambda event: event[0] == 'write averaged',
}


class Kill(NamedTuple):
    """One kill and what became of the run."""

    phase: str
    event: Event
    workers: int
    left: list[str]
    equal: bool


@HOOKS.register_module(force=True)
class Report(Hook):
    """Tells the process that is going to kill this one where it is."""

    channel: Connection

    def before_run(self, runner):
        self.tell('start')

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.tell('step', runner.epoch + 1, batch_idx + 1)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        self.tell('validation', runner.epoch, batch_idx + 1)

    def before_bn_iter(self, runner, batch_idx):
        self.tell('bn', runner.epoch, batch_idx + 1)

    @classmethod
    def tell(cls, what: str, epoch: int = 0, batch: int = 0, wait: float = 0.004) -> None:
        cls.channel.send((what, epoch, batch))
        # Where the killer sleeps shorter than this, it kills at this very place.
        time.sleep(wait)


def config(data_root: Path, work_dir: Path, workers: int) -> Config:
    changes = {
        'train_cfg.max_epochs': EPOCHS,
        'train_cfg.val_interval': 2,
        'train_dataloader.num_workers': workers,
        'model.backbone.drop_path_rate': 0.3,
    }
    cfg = tiny_config(data_root, work_dir, **changes)
    cfg.default_hooks.checkpoint.max_keep_ckpts = 2
    cfg.custom_hooks[0].begin = WINDOW
    cfg.custom_hooks.append(dict(type='Report'))
    return cfg


def train(channel: Connection, data_root: Path, work_dir: Path, workers: int) -> None:
    """A whole run, or the rest of one."""
    torch.set_num_threads(1)
    Report.channel = channel
    flush = os.fsync

    def slow_flush(handle: int) -> None:
        name = os.path.basename(os.readlink(f'/proc/self/fd/{handle}'))
        if name.startswith('.averaged.pth.'):
            Report.tell('write averaged')
        elif name.startswith('.epoch_'):
            # Longer than any killer sleeps: this write is never finished.
            Report.tell('write epoch', int(name.split('_')[1].split('.')[0]), wait=0.04)
        flush(handle)

    os.fsync = slow_flush
    with open(os.devnull, 'w') as nowhere:
        sys.stdout = sys.stderr = nowhere
        cfg = config(data_root, work_dir, workers)
        with own_work_dir(work_dir):
            use_resume(cfg, None)
            build_runner(cfg).train()
    channel.send(('end', 0, 0))


def run(
    data_root: Path, work_dir: Path, workers: int, die_at: int | None = None
) -> list[Event]:
    """Train in a process of its own, which is killed during the event of that number."""
    fork = multiprocessing.get_context('fork')
    reader, writer = fork.Pipe(duplex=False)
    child = fork.Process(target=train, args=(writer, data_root, work_dir, workers))
    child.start()
    writer.close()
    events: list[Event] = []
    try:
        while not events or events[-1][0] != 'end':
            events.append(reader.recv())
            if len(events) - 1 == die_at:
                time.sleep(random.uniform(0, 0.008))
                os.kill(child.pid, signal.SIGKILL)
                break
    finally:
        child.join(timeout=60)
        child.kill()
        reader.close()
    return events


def weights(work_dir: Path) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of the last epoch and of the averaged net, and the optimizer's momentum."""
    last = torch.load(work_dir / f'epoch_{EPOCHS}.pth', weights_only=True)
    averaged = torch.load(work_dir / 'averaged.pth', weights_only=True)
    momentum = {
        str(key): state['momentum_buffer'] for key, state in last['optimizer']['state'].items()
    }
    return {'last': last['state_dict'], 'average': averaged['state_dict'], 'momentum': momentum}


def same(one: dict[str, dict], other: dict[str, dict]) -> bool:
    return all(
        one[part].keys() == other[part].keys()
        and all(torch.equal(one[part][name], other[part][name]) for name in one[part])
        for part in one
    )


def kill_and_resume(folder: Path, moments: int = 20, seed: int = 0) -> list[Kill]:
    """Every phase as often as the others, at moments drawn at random; one run a kill."""
    random.seed(seed)
    write_market1501(folder / 'data')
    undisturbed = run(folder / 'data', folder / 'undisturbed', workers=0)
    expected = weights(folder / 'undisturbed')
    kills = []
    for i in range(moments):
        phase = list(PHASES)[i % len(PHASES)]
        hits = [n for n, event in enumerate(undisturbed) if PHASES[phase](event)]
        workers, work_dir = i % 3 % 2, folder / f'run-{i}'
        events = run(folder / 'data', work_dir, workers, die_at=random.choice(hits))
        left = sorted(path.name for path in work_dir.glob('*.pth*'))
        run(folder / 'data', work_dir, workers)
        equal = same(weights(work_dir), expected)
        kills.append(Kill(phase, events[-1], workers, left, equal))
    return kills


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        kills = kill_and_resume(Path(folder))
    print(
        '| # | killed during | epoch, batch | workers | files left | weights after resuming |'
    )
    print('|---|---|---|---|---|---|')
    for number, kill in enumerate(kills, 1):
        _, epoch, batch = kill.event
        place = f'{epoch}, {batch}' if batch else str(epoch or '')
        # Without the host and the number of the process, which differ between runs.
        names = [re.sub(r'^(\.\w+\.pth)\..*\.tmp$', r'\1.*.tmp', name) for name in kill.left]
        files = ', '.join(f'`{name}`' for name in names) or 'none'
        verdict = 'equal' if kill.equal else '**differ**'
        print(f'| {number} | {kill.phase} | {place} | {kill.workers} | {files} | {verdict} |')


if __name__ == '__main__':
    main()
