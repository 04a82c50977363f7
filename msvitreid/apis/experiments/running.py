"""Train and test every variant with every seed; what is done stays done."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from msvitreid.apis.tested_net import open_run, open_tested
from msvitreid.checkpoints.run_lock import run_lock
from msvitreid.errors import ConfigError
from msvitreid.utils.printable import counted

from .results import Experiment, Run, TestedRun, finished_tests, keep_result, result_of
from .table import ExperimentTable
from .testing import query_figures
from .training import join, train

#: Between two looks at whether a training has ended.
POLL_SECONDS = 1.0


def run_experiment(
    experiment: Experiment,
    devices: Sequence[str] = ('auto',),
    follow: Callable[[str], None] = print,
) -> list[TestedRun]:
    """Train and test what is not yet done, one run at a time on each device.

    A run is a process of ``msvitreid train --resume``; its terminal output goes to
    ``VARIANT/seed-N/train.txt``. Started again, tests that are done are kept and a training that
    was cut off continues; one that still runs, as only its parent was killed, is waited for.

    Args:
        experiment: what and where.
        devices: ``'auto'``, ``'cpu'``, ``'cuda:0'``, ...; each has one run at a time.
        follow: given a line after every run.

    Returns:
        All tests, in the order of the table.

    Raises:
        ConfigError: an option is wrong, or a result in the folder is of other settings.
        ReIDError: a run failed; the others that were running are finished first.
    """
    runs = experiment.runs
    table = experiment.table
    waiting = [
        run for run in runs if any(result_of(table, run, t) is None for t in table.tests)
    ]
    done = len(runs) - len(waiting)
    if done:
        follow(f'{counted(done, "run")} of {len(runs)} were done before')
    progress = _Progress(len(waiting), follow)
    free: queue.Queue[str] = queue.Queue()
    for device in devices:
        free.put(device)
    failed = threading.Event()

    def work(run: Run) -> None:
        device = free.get()
        try:
            _wait_until_free(run, failed, follow)
            if not failed.is_set():
                progress.add(run, _train_and_test(table, run, device))
        except BaseException:
            failed.set()
            raise
        finally:
            free.put(device)

    with ThreadPoolExecutor(len(devices)) as pool:
        try:
            for is_joined in (False, True):
                ready = [run for run in waiting if bool(run.members) == is_joined]
                for future in [pool.submit(work, run) for run in ready]:
                    future.result()
        except BaseException:
            # Ctrl-C reaches this thread only.
            failed.set()
            raise
    return finished_tests(experiment)


class _Progress:
    def __init__(self, total: int, follow: Callable[[str], None]) -> None:
        self.total, self.follow = total, follow
        self.done, self.started, self.lock = 0, time.monotonic(), threading.Lock()

    def add(self, run: Run, tests: Sequence[TestedRun]) -> None:
        with self.lock:
            self.done += 1
            passed = (time.monotonic() - self.started) / 60
            left = passed / self.done * (self.total - self.done)
            figures = ', '.join(
                f'{one.test} mAP {100 * one.figures.metrics["mAP"]:.1f}' for one in tests
            )
            self.follow(
                f'{run.name}: {figures}; {tests[0].minutes:.1f} min of training; '
                f'{self.done} of {self.total} runs, about {left:.0f} min left'
            )


def _wait_until_free(run: Run, failed: threading.Event, follow: Callable[[str], None]) -> None:
    """Wait for a training that goes on although the start it belongs to was killed."""
    said = False
    while run.work_dir.is_dir() and not failed.is_set():
        try:
            with run_lock(run.work_dir):
                return
        except ConfigError:
            if not said:
                follow(f'{run.name}: waiting for another process that trains it')
            said = True
            failed.wait(POLL_SECONDS)


def _train_and_test(table: ExperimentTable, run: Run, device: str) -> list[TestedRun]:
    minutes = join(run) if run.members else train(run, device)
    tested = []
    for test in table.tests:
        if (found := result_of(table, run, test)) is None:
            options = {**run.options, **table.tests[test]}
            if run.members:
                net = open_tested(run.config, run.model_file, options, device)
            else:
                net = open_run(run.work_dir, options, device)
            found = keep_result(table, run, test, minutes, query_figures(net))
        tested.append(found)
    return tested
