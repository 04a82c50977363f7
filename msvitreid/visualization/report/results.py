"""Facts of a file of ``msvitreid test --out``: figures alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable
from msvitreid.visualization.run_record import figures_in, read_result

from .data import RunFacts, figures_of

#: Sections that need embeddings, by their titles on the page.
NEED_EMBEDDINGS = ('Curves', 'Camera pairs', 'Queries')

#: Options of an evaluator that are not worth a line.
_USUAL: tuple[Any, ...] = (None, False, 0, '', [], {})


def read_result_facts(path: Path) -> RunFacts:
    """What a test result says.

    Raises:
        ConfigError: it cannot be read, or is no such file.
    """
    result = read_result(path)
    if result is None:
        raise ConfigError(
            f'{str(path)!r} is no test result; name a .json file of msvitreid test --out, or a '
            'work directory of msvitreid train'
        )
    metrics = {printable(key): one for key, one in figures_in(result['metrics']).items()}
    figures, cameras = figures_of(metrics)
    if not figures:
        raise ConfigError(f'{str(path)!r} has no figures in "metrics"; test again with --out')
    checkpoint, evaluator = result['checkpoint'], result.get('evaluator')
    file = Path(_text(checkpoint.get('path')) or 'checkpoint')
    tested = {
        'Config': Path(_text(result.get('config'))).name,
        'Checkpoint': file.name,
        'Checkpoint SHA-256': _text(checkpoint.get('sha256')),
        'Protocol': protocol_of(evaluator if isinstance(evaluator, Mapping) else {}),
        'Computed by': _text(result.get('backend')),
        'Options': ', '.join(option_text(one) for one in _items(result.get('options'))),
    }
    run = printable(file.parent.name) or 'RUN'
    reason = (
        'a test result has no embeddings; the run itself has them: '
        f'msvitreid report {run} --out report.html, {run} being its work directory'
    )
    missing = dict.fromkeys(NEED_EMBEDDINGS, reason)
    if cameras is not None:
        del missing['Camera pairs']
    return RunFacts(
        printable(path.stem),
        {key: value for key, value in tested.items() if value},
        figures,
        cameras=cameras,
        missing=missing,
        versions={printable(key): _text(one) for key, one in _items(result.get('versions'))},
    )


def protocol_of(evaluator: Mapping[str, Any]) -> str:
    """An evaluator's config in words: its name, and options that say something."""
    stated = ', '.join(
        option_text(item)
        for item in evaluator.items()
        if item[0] != 'type' and item[1] not in _USUAL
    )
    name = _text(evaluator.get('type'))
    return f'{name} ({stated})' if stated else name


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def option_text(item: tuple[str, Any]) -> str:
    """An option and its value, without the folders of this machine."""
    key, value = item
    if isinstance(value, str) and ('root' in key or Path(value).is_absolute()):
        value = f'…/{Path(value).name}'
    return f'{printable(str(key))}={_text(value)}'


def _text(value: Any) -> str:
    """A value of a file that may hold anything, on one line."""
    if value is None:
        return ''
    return printable(value if isinstance(value, str) else json.dumps(value))
