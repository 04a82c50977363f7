"""The folder of a sample dataset: it appears whole, and its stamp says what it is."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msvitreid.errors import DatasetError

from .plan import FOLDER, GALLERY, QUERY, TRAIN, Parameters, SyntheticStatistics

STAMP = 'synthetic.json'
# Raise it whenever the same parameters come to give other pictures.
GENERATOR = 1


def occupied(root: Path) -> bool:
    """Whether ``root`` is anything but absent or an empty folder."""
    return root.exists() and not (root.is_dir() and not any(root.iterdir()))


@contextmanager
def appearing(root: Path, parameters: Parameters) -> Iterator[Path]:
    """A hidden folder beside ``root`` that is stamped and renamed to ``root`` at the end.

    An error, or another process that was faster, makes it vanish instead.
    """
    target = root.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f'.{target.name}.{uuid.uuid4().hex}.partial')
    try:
        for subset in (TRAIN, QUERY, GALLERY):
            (partial / FOLDER / subset).mkdir(parents=True)
        yield partial
        text = json.dumps(_stamp(parameters), indent=2) + '\n'
        (partial / STAMP).write_text(text, encoding='utf-8')
        try:
            partial.rename(target)
        except OSError:
            if not occupied(target):
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_existing(root: Path, parameters: Parameters) -> SyntheticStatistics:
    """The statistics of the set in ``root``.

    Raises:
        DatasetError: It is not a complete set of these parameters.
    """
    try:
        found = json.loads((root / STAMP).read_text(encoding='utf-8'))
        found_parameters = dict(found['parameters'])
        generator = found['generator']
    except (OSError, ValueError, KeyError, TypeError):
        raise DatasetError(
            f'{root} exists and is no sample dataset (it has no readable {STAMP}): '
            'choose another folder'
        ) from None
    if generator != GENERATOR:
        raise DatasetError(
            f'{root} holds a sample dataset of generator {generator}, this one is {GENERATOR}: '
            'delete the folder or choose another'
        )
    wanted = _stamp(parameters)['parameters']
    for name, value in wanted.items():
        if found_parameters.get(name) != value:
            raise DatasetError(
                f'{root} holds a sample dataset made with {name} '
                f'{found_parameters.get(name)}, not {value}: delete the folder or choose another'
            )
    statistics = parameters.statistics()
    counts = {
        TRAIN: statistics.train_images,
        QUERY: statistics.query_images,
        GALLERY: statistics.gallery_images,
    }
    for subset, count in counts.items():
        present = sum(1 for _ in (root / FOLDER / subset).glob('*.jpg'))
        if present != count:
            raise DatasetError(
                f'{root / FOLDER / subset} has {present} of the {count} pictures of its sample '
                f'dataset: delete {root} to have it made again'
            )
    return statistics


def _stamp(parameters: Parameters) -> dict[str, Any]:
    return {'generator': GENERATOR, 'parameters': parameters.as_json()}
