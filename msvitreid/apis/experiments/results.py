"""The runs of an experiment and what each leaves in the folder."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from msvitreid.checkpoints import digest
from msvitreid.engine import check_config, load_config
from msvitreid.errors import ConfigError
from msvitreid.utils.config_files import find_config
from msvitreid.utils.files import write_text_atomically
from msvitreid.utils.printable import printable
from msvitreid.utils.versions import versions

from .table import ExperimentTable, option_texts
from .testing import QueryFigures


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
        if (found := result_of(experiment.table, run, test)) is not None
    ]


def keep_result(
    table: ExperimentTable, run: Run, test: str, minutes: float, figures: QueryFigures
) -> TestedRun:
    """Write the result of one test to its file, and return it."""
    settings = _settings(table, run, test)
    command = shlex.join(['msvitreid', *run.command])
    found = TestedRun(
        run.variant, run.seed, test, settings, command, minutes, figures, versions()
    )
    text = json.dumps(asdict(found), indent=1, allow_nan=False)
    write_text_atomically(run.file_of(test), text + '\n')
    return found


def result_of(table: ExperimentTable, run: Run, test: str) -> TestedRun | None:
    """The result that a test's file keeps; ``None`` where there is none.

    Raises:
        ConfigError: it is of other settings, or is damaged.
    """
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
