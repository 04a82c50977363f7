"""Train and test every variant with every seed; what is done stays done."""

from __future__ import annotations

import hashlib
import json
import math
import os
import queue
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from msvitreid.apis.tested_net import open_run, open_tested
from msvitreid.checkpoints import digest
from msvitreid.checkpoints.run_lock import run_lock
from msvitreid.engine import check_config, load_config
from msvitreid.errors import PREEMPTED, ConfigError, ReIDError
from msvitreid.models.joining import join_model_files
from msvitreid.utils.config_files import find_config
from msvitreid.utils.files import make_folder, write_text_atomically
from msvitreid.utils.printable import counted, printable
from msvitreid.utils.versions import versions

from .table import ExperimentTable, option_texts
from .testing import QueryFigures, query_figures

#: Between two looks at whether a training has ended.
POLL_SECONDS = 1.0

#: In a run's folder: the seconds that its training took.
CLOCK = 'train_seconds.txt'


@dataclass(frozen=True)
class Run:
    """A variant with one seed.

    Attributes:
        variant: its name.
        seed: of the training.
        folder: of everything that it leaves.
        config: path or name of its config.
        options: of training and tests.
        settings: digest of the resolved config with the options.
        members: runs whose nets it joins, in place of training one.
    """

    variant: str
    seed: int
    folder: Path
    config: str
    options: dict[str, Any]
    settings: str
    members: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        return f'{self.variant}, seed {self.seed}'

    @property
    def work_dir(self) -> Path:
        """Of the training."""
        return self.folder / 'train'

    @property
    def model_file(self) -> Path:
        """The net that it leaves."""
        return self.work_dir / 'model.safetensors'

    @property
    def command(self) -> list[str]:
        """What trains or joins it, after ``msvitreid``; it continues what was cut off."""
        if self.members:
            files = [str(member.model_file) for member in self.members]
            return ['join', *files, '--out', str(self.model_file)]
        place = ['--work-dir', str(self.work_dir), '--resume']
        return ['train', self.config, *place, '--cfg-options', *option_texts(self.options)]

    def file_of(self, test: str) -> Path:
        """The result of one test."""
        return self.folder / f'{test}.json'


@dataclass(frozen=True)
class TestedRun:
    """One test of one run, as its file keeps it.

    Attributes:
        variant, seed, test: which.
        settings: see :class:`Run`; with the options of the test.
        command: that trained it, for a shell.
        minutes: of training, starts that were cut off included.
        figures: see :class:`QueryFigures`.
        versions: of packages.
    """

    __test__ = False

    variant: str
    seed: int
    test: str
    settings: str
    command: str
    minutes: float
    figures: QueryFigures
    versions: dict[str, str] = field(default_factory=dict)


_KEPT = TypeAdapter(TestedRun)


@dataclass(frozen=True)
class Experiment:
    """A table and the folder of what it leaves."""

    table: ExperimentTable
    out: Path

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, seed by seed, so that every variant is measured once before any is twice.

        Raises:
            ConfigError: a config does not exist or an option is wrong.
        """
        found: dict[tuple[str, int], Run] = {}
        for seed in self.table.seeds:
            for name, variant in self.table.variants.items():
                members = [found[member, seed] for member in variant.join or ()]
                found[name, seed] = self._run(name, seed, members)
        return list(found.values())

    def _run(self, name: str, seed: int, members: Sequence[Run]) -> Run:
        config, options = self.table.config_of(name), self.table.options_of(name, seed)
        try:
            resolved = load_config(find_config(config), options)
            check_config(resolved)
        except ConfigError as error:
            raise ConfigError(f'variant {name!r}: {error}') from error
        folder = self.out / name / f'seed-{seed}'
        settings = _digest(resolved.dump(), option_texts(options))
        if members:
            settings = _digest(settings, [member.settings for member in members])
        return Run(name, seed, folder, config, options, settings, tuple(members))


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
    waiting = [run for run in runs if list(_missing(experiment.table, run))]
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
                progress.add(run, _train_and_test(experiment.table, run, device))
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


def finished_tests(experiment: Experiment) -> list[TestedRun]:
    """What is done of an experiment, in the order of the table.

    Raises:
        ConfigError: a result is of other settings, or is damaged.
    """
    order = {name: place for place, name in enumerate(experiment.table.variants)}
    runs = sorted(experiment.runs, key=lambda run: (order[run.variant], run.seed))
    return [
        found
        for run in runs
        for test in experiment.table.tests
        if (found := _result(experiment.table, run, test)) is not None
    ]


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
    minutes = _join(run) if run.members else _train(run, device)
    tested = []
    for test in table.tests:
        if (found := _result(table, run, test)) is None:
            options = {**run.options, **table.tests[test]}
            if run.members:
                net = open_tested(run.config, run.model_file, options, device)
            else:
                net = open_run(run.work_dir, options, device)
            found = TestedRun(
                run.variant,
                run.seed,
                test,
                _settings(table, run, test),
                shlex.join(['msvitreid', *run.command]),
                minutes,
                query_figures(net),
                versions(),
            )
            text = json.dumps(asdict(found), indent=1, allow_nan=False)
            write_text_atomically(run.file_of(test), text + '\n')
        tested.append(found)
    return tested


def _join(run: Run) -> float:
    """Minutes of training of all nets that are joined."""
    make_folder(run.work_dir)
    for member in run.members:
        if not member.model_file.is_file():
            raise ReIDError(
                f'{run.name}: {member.name} left no {member.model_file}; train it with '
                'default_hooks.model_file as it is by default'
            )
    join_model_files([member.model_file for member in run.members], run.model_file)
    return sum(_seconds(member) for member in run.members) / 60


def _seconds(run: Run) -> float:
    """Of training so far."""
    clock = run.folder / CLOCK
    return float(clock.read_text(encoding='ascii')) if clock.is_file() else 0.0


def _train(run: Run, device: str) -> float:
    """Minutes of all starts."""
    make_folder(run.folder)
    log = run.folder / 'train.txt'
    before = _seconds(run)
    started = time.monotonic()
    with open(log, 'ab') as output:
        code = subprocess.run(
            [sys.executable, '-m', 'msvitreid', *run.command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=_environment(device),
            check=False,
        ).returncode
    seconds = before + time.monotonic() - started
    write_text_atomically(run.folder / CLOCK, f'{seconds:.1f}\n')
    if code == PREEMPTED:
        raise ReIDError(f'{run.name} was stopped and has saved; the same command continues it')
    if code:
        raise ReIDError(f'{run.name} failed with code {code}: {_last_line(log)}; see {log}')
    return seconds / 60


def _environment(device: str) -> dict[str, str]:
    """Training takes the first device that it sees."""
    environment = dict(os.environ)
    if device == 'cpu':
        environment['CUDA_VISIBLE_DEVICES'] = ''
    elif device.startswith('cuda:'):
        environment['CUDA_VISIBLE_DEVICES'] = device.removeprefix('cuda:')
    return environment


def _missing(table: ExperimentTable, run: Run) -> Iterator[str]:
    return (test for test in table.tests if _result(table, run, test) is None)


def _result(table: ExperimentTable, run: Run, test: str) -> TestedRun | None:
    """What a file keeps; ``None`` where there is none."""
    file = run.file_of(test)
    if not file.exists():
        return None
    try:
        found = _KEPT.validate_json(file.read_bytes(), strict=True)
    except ValidationError as error:
        reason = printable(error.errors()[0]['msg'])
        raise ConfigError(
            f'{file} is no result of an experiment ({reason}); remove it, and the test runs again'
        ) from error
    if found.settings != _settings(table, run, test):
        raise ConfigError(
            f'{file} is the result of other settings than {run.name} has now; choose another '
            f'--out, or move {run.folder} away'
        )
    if not all(map(math.isfinite, found.figures.metrics.values())):
        raise ConfigError(f'{file} has a figure that is no number; remove it')
    return found


def _settings(table: ExperimentTable, run: Run, test: str) -> str:
    # Of joined nets, which they are: one may have been trained again.
    nets = [digest(one.model_file) for one in run.members if one.model_file.is_file()]
    return _digest(run.settings, [*option_texts(table.tests[test]), *nets])


def _digest(text: str, options: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([text, *options]).encode()).hexdigest()[:16]


def _last_line(log: Path) -> str:
    with open(log, 'rb') as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors='replace').strip().splitlines()
    return printable(lines[-1]) if lines else 'it said nothing'
