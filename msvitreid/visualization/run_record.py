"""What a training run and a test left behind: curves and final figures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msvitreid.errors import ConfigError

Curve = list[tuple[float, float]]

#: Logs of a run's starts, each in a folder of the time when it was started.
STARTS = '[0-9]*_[0-9]*/vis_data/scalars.json'

#: What mmengine logs in addition to figures.
NO_FIGURES = ('step', 'epoch', 'iter', 'time', 'data_time')

#: What ``WeightAverageHook`` puts before the names of the averaged net's figures.
AVERAGED = 'averaged/'


@dataclass
class RunRecord:
    """Curves and final figures of one run.

    Attributes:
        name: what it is called in pictures and tables.
        unit: what curves are drawn over, ``'epoch'`` or ``'iteration'``.
        training: curves of ``loss``, ``lr`` and the like.
        validation: curves of the figures on the validation data.
        final: the figures to compare by.
        source: which net ``final`` is of; of a test result also what computed it, and the
            evaluator's options that change figures.
    """

    name: str
    unit: str = 'epoch'
    training: dict[str, Curve] = field(default_factory=dict)
    validation: dict[str, Curve] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    source: str = ''


def read_run(path: Path, name: str | None = None) -> RunRecord:
    """Read a work directory of ``msvitreid train``, or a file of ``msvitreid test --out``.

    Of a work directory, the final figures are those of the one test result in it or in its
    ``test/``; without one, the averaged net's at the end of training, or else those of the
    last validation. A test result has the curves of the run whose checkpoint it is of.

    Args:
        path: folder or JSON file.
        name: what to call it; by default as the folder or file.

    Raises:
        ConfigError: it is neither, cannot be read, or a folder holds several test results.
    """
    is_file = path.suffix == '.json'
    files = [path] if is_file else sorted([*path.glob('*.json'), *path.glob('test/*.json')])
    results = {file: result for file in files if (result := read_result(file))}
    if len(results) > 1:
        names = ', '.join(file.name for file in results)
        raise ConfigError(f'{path} has {len(results)} test results ({names}); name one of them')
    run = RunRecord(name or (path.stem if is_file else path.resolve().name))
    checkpoint = next(map(_checkpoint, results.values()), None)
    if not is_file or checkpoint:
        _read_logs(run, checkpoint.parent if is_file and checkpoint else path)
    for result in results.values():
        run.final, run.source = figures_in(result['metrics']), _source(result)
    if not (run.training or run.final):
        raise ConfigError(
            f'{path} is no run: name a work directory of msvitreid train (not the folder of one '
            'start), or a .json file of msvitreid test --out'
        )
    return run


def read_result(path: Path) -> dict[str, Any] | None:
    """A file of ``msvitreid test --out``, or ``None`` if it is another JSON file."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ConfigError(f'{path} cannot be read ({error.strerror})') from error
    except ValueError:
        return None
    whole = isinstance(content, dict) and isinstance(content.get('metrics'), dict)
    return content if whole and isinstance(content.get('checkpoint'), dict) else None


def _checkpoint(result: dict[str, Any]) -> Path | None:
    """What was tested, where the result states it."""
    path = result['checkpoint'].get('path')
    return Path(path) if isinstance(path, str) and path else None


def _source(result: dict[str, Any]) -> str:
    checkpoint, evaluator = _checkpoint(result), result.get('evaluator')
    source = f'test of {checkpoint.name}' if checkpoint else 'test'
    if result.get('backend', 'torch') != 'torch':
        source += f' by {result["backend"]}'
    options = evaluator if isinstance(evaluator, dict) else {}
    stated = [
        f'{key} {options[key]}' for key in ('ap', 'rerank') if options.get(key) is not None
    ]
    return ', '.join([source, *stated])


def _read_logs(run: RunRecord, work_dir: Path) -> None:
    """The curves of all starts; where two cover the same steps, the later one counts."""
    training: list[dict[str, Any]] = []
    validation: list[dict[str, Any]] = []
    for file in sorted(work_dir.glob(STARTS)):
        lines = list(_lines(file))
        newer = [line for line in lines if 'iter' in line]
        if newer:
            training = [line for line in training if line['iter'] < newer[0]['iter']]
            # A validation's step is its epoch, or its iteration where there are no epochs.
            begin = newer[0].get('epoch', newer[0]['iter'])
            validation = [line for line in validation if line['step'] < begin]
        training += newer
        validation += [line for line in lines if 'iter' not in line and 'step' in line]
    steps = 1
    if all('epoch' in line for line in training):
        # Steps of an epoch are logged nowhere; the last logged one of an epoch is near its end.
        steps = max((-(-line['iter'] // line['epoch']) for line in training), default=1)
    else:
        run.unit = 'iteration'
    run.training = _curves((line['iter'] / steps, figures_in(line)) for line in training)
    run.validation = _curves((line['step'], figures_in(line)) for line in validation)
    names = [name for name in run.validation if name.startswith(AVERAGED)]
    averaged = {name.removeprefix(AVERAGED): run.validation.pop(name) for name in names}
    if curves := averaged or run.validation:
        last = max(curve[-1][0] for curve in curves.values())
        run.final = {name: curve[-1][1] for name, curve in curves.items()}
        run.source = 'averaged net' if averaged else f'validation of {run.unit} {last:g}'


def _curves(points: Iterable[tuple[float, dict[str, float]]]) -> dict[str, Curve]:
    """A curve for each figure; of two values at one place the later one counts."""
    found: dict[str, dict[float, float]] = {}
    for x, figures in points:
        for name, value in figures.items():
            found.setdefault(name, {})[x] = value
    return {name: sorted(curve.items()) for name, curve in found.items()}


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    text = file.read_text(encoding='utf-8', errors='replace').splitlines()
    for number, line in enumerate(text, 1):
        try:
            yield dict(json.loads(line))
        except (TypeError, ValueError):
            # The run may have been killed while it wrote its last line.
            if number < len(text):
                raise ConfigError(
                    f'{file} line {number} is no JSON object; restore the file'
                ) from None


def figures_in(line: dict[str, Any]) -> dict[str, float]:
    """The figures among what a log's line or a test result holds, as floats."""
    return {
        key: _as_float(value)
        for key, value in line.items()
        if key not in NO_FIGURES and type(value) in (int, float)
    }


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # JSON may hold a number of 400 digits
        return math.inf if value > 0 else -math.inf
