"""What a training run and a test left behind: curves and final figures."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msvitreid.errors import ConfigError

Curve = list[tuple[float, float]]

#: One folder a start of a run: when it was started.
START = re.compile(r'\d{8}_\d{6}')

#: What mmengine logs in addition to figures.
NO_FIGURES = ('step', 'epoch', 'iter', 'time', 'data_time')

#: What ``WeightAverageHook`` puts before the names of the averaged net's figures.
AVERAGED = 'averaged/'

_MOST_POINTS = 100


@dataclass
class RunRecord:
    """Curves and final figures of one run.

    Attributes:
        name: what it is called in pictures and tables.
        unit: what curves are drawn over, ``'epoch'`` or ``'iteration'``.
        training: curves of ``loss``, ``lr`` and the like, thinned to means of some steps.
        validation: curves of the figures on the validation data.
        final: the figures to compare by.
        source: which net ``final`` is of, and the back-end if that is not torch.
        evaluator: the evaluator's config, where a test result states it.
    """

    name: str
    unit: str = 'epoch'
    training: dict[str, Curve] = field(default_factory=dict)
    validation: dict[str, Curve] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    source: str = ''
    evaluator: dict[str, Any] | None = None


def read_run(path: Path, name: str | None = None) -> RunRecord:
    """Read a work directory of ``msvitreid train``, or a file of ``msvitreid test --out``.

    Of a work directory, the final figures are those of the one test result in it or in its
    ``test/``; without one, the averaged net's at the end of training, or else those of the
    last validation. To a test result belong the curves of the run whose checkpoint it is of.

    Args:
        path: folder or JSON file.
        name: what to call it; by default as the folder or file.

    Raises:
        ConfigError: it is neither, cannot be read, or a folder holds several test results.
    """
    if path.suffix == '.json':
        result = _read_result(path)
        if result is None:
            raise ConfigError(f'{path} is no test result; name a file of msvitreid test --out')
        name = name or path.stem
        checkpoint = _checkpoint(result)
        run = _read_logs(checkpoint.parent, name) if checkpoint else RunRecord(name)
        return _take_result(run, result)
    _require_work_dir(path)
    run = _read_logs(path, name or path.resolve().name)
    files = [*sorted(path.glob('*.json')), *sorted((path / 'test').glob('*.json'))]
    found = {file: result for file in files if (result := _read_result(file)) is not None}
    if len(found) > 1:
        raise ConfigError(
            f'run {str(path)!r} has {len(found)} test results '
            f'({", ".join(file.name for file in found)}); name the one to take instead of it'
        )
    for result in found.values():
        _take_result(run, result)
    if not (run.training or run.final):
        raise ConfigError(
            f'{str(path)!r} is no run: no folder of a start with vis_data/scalars.json, and no '
            'test result, is in it'
        )
    return run


def _require_work_dir(path: Path) -> None:
    if not path.exists():
        raise ConfigError(f'run {str(path)!r} does not exist; name a work directory')
    if not path.is_dir():
        raise ConfigError(
            f'{str(path)!r} is neither a work directory nor a .json file of msvitreid test --out'
        )
    if START.fullmatch(path.resolve().name) and (path / 'vis_data').is_dir():
        run = os.path.normpath(path / '..')
        raise ConfigError(f'{str(path)!r} is one start of a run; name the run, {run!r}')


def _take_result(run: RunRecord, result: dict) -> RunRecord:
    run.final = _figures(result['metrics'])
    checkpoint = _checkpoint(result)
    run.source = f'test of {checkpoint.name}' if checkpoint else 'test'
    backend = result.get('backend', 'torch')
    if backend != 'torch':
        run.source += f' by {backend}'
    run.evaluator = result.get('evaluator')
    return run


def _checkpoint(result: dict) -> Path | None:
    """What was tested, where the result states it."""
    path = result['checkpoint'].get('path')
    return Path(path) if isinstance(path, str) and path else None


def _read_result(path: Path) -> dict | None:
    """A file of ``msvitreid test --out``, or ``None`` if it is another JSON file."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ConfigError(f'{path} cannot be read ({error.strerror})') from error
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    parts = content.get('metrics'), content.get('checkpoint')
    return content if all(isinstance(part, dict) for part in parts) else None


def _read_logs(work_dir: Path, name: str) -> RunRecord:
    """The curves of all starts; where two cover the same steps, the later one counts."""
    run = RunRecord(name)
    training: list[dict] = []
    validation: list[dict] = []
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        if not START.fullmatch(file.parts[-3]):
            continue
        lines = list(_lines(file))
        newer = [line for line in lines if 'iter' in line]
        if newer:
            training = [line for line in training if line['iter'] < newer[0]['iter']]
            # A validation's step is its epoch, or its iteration where there are no epochs.
            begin = newer[0].get('epoch', newer[0]['iter'])
            validation = [line for line in validation if line['step'] < begin]
        training += newer
        validation += [line for line in lines if 'iter' not in line and 'step' in line]
    _fill_training(run, training)
    _fill_validation(run, validation)
    return run


def _lines(file: Path) -> Iterator[dict]:
    text = file.read_text(encoding='utf-8', errors='replace').splitlines()
    for number, line in enumerate(text, 1):
        try:
            content = json.loads(line)
        except ValueError:
            content = None
        if isinstance(content, dict):
            yield content
        elif number < len(text):
            raise ConfigError(f'{file} line {number} is no JSON object; restore the file')
        # Else the run was killed while it wrote its last line.


def _fill_training(run: RunRecord, lines: Sequence[dict]) -> None:
    if not lines:
        return
    steps = 1
    if all('epoch' in line for line in lines):
        # Steps of an epoch are logged nowhere; the last logged one of an epoch is near its end.
        steps = max(math.ceil(line['iter'] / line['epoch']) for line in lines)
    else:
        run.unit = 'iteration'
    for key in dict.fromkeys(key for line in lines for key in _figures(line)):
        curve = [(line['iter'] / steps, float(line[key])) for line in lines if key in line]
        run.training[key] = _thinned(curve)


def _fill_validation(run: RunRecord, lines: Sequence[dict]) -> None:
    averaged: dict[str, float] = {}
    by_step: dict[float, dict[str, float]] = {}
    for line in lines:
        for key, value in _figures(line).items():
            if key.startswith(AVERAGED):
                averaged[key.removeprefix(AVERAGED)] = value
            else:
                by_step.setdefault(line['step'], {})[key] = value
    for step, figures in sorted(by_step.items()):
        for key, value in figures.items():
            run.validation.setdefault(key, []).append((step, value))
    if averaged:
        run.final, run.source = averaged, 'averaged net'
    elif by_step:
        last = max(by_step)
        run.final, run.source = by_step[last], f'validation of {run.unit} {last:g}'


def _figures(line: dict) -> dict[str, float]:
    return {
        key: float(value)
        for key, value in line.items()
        if key not in NO_FIGURES and isinstance(value, int | float)
    }


def _thinned(curve: Curve) -> Curve:
    """Means of so many neighbors that a curve has at most a hundred points."""
    size = math.ceil(len(curve) / _MOST_POINTS)
    parts = [curve[start : start + size] for start in range(0, len(curve), size)]
    return [
        (sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part))
        for part in parts
    ]
