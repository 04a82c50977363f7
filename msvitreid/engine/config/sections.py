"""The sections of a config that mmengine's runner takes, before anything is built of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from msvitreid.errors import ConfigError

#: A dict, or what was built of one.
DICTS = (
    *('model', 'train_dataloader', 'val_dataloader', 'test_dataloader'),
    *('train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper', 'auto_scale_lr'),
    *('default_hooks', 'data_preprocessor', 'env_cfg', 'log_processor', 'visualizer'),
    *('randomness', 'model_wrapper_cfg'),
)

#: Parts of a data loader that are a dict as well.
LOADER_PARTS = ('dataset', 'sampler', 'batch_sampler', 'collate_fn')

#: Python's names of logging levels.
LEVELS = ('CRITICAL', 'FATAL', 'ERROR', 'WARNING', 'WARN', 'INFO', 'DEBUG', 'NOTSET')

#: A list of dicts, or of what was built of them; all but hooks may stand alone.
LISTS = ('custom_hooks', 'param_scheduler', 'val_evaluator', 'test_evaluator')


def check_sections(get: Callable[[str], Any]) -> None:
    """Check the form of a run's sections.

    Args:
        get: gives the section of a name, ``None`` for one that is absent.

    Raises:
        ConfigError: one is no dict, list, ... where it must be.
    """
    for name in DICTS:
        section = get(name)
        _require_dict(name, section)
        if name.endswith('_dataloader') and isinstance(section, Mapping):
            for part in LOADER_PARTS:
                _require_dict(f'{name}.{part}', section.get(part))
            if section.get('dataset', ...) is None:
                raise ConfigError(f'{name}.dataset must be a dict, got None')
    for name in LISTS:
        section = get(name)
        alone = name != 'custom_hooks' and not isinstance(section, list | tuple)
        items = [section] if alone and section is not None else section
        if items is not None and not isinstance(items, list | tuple):
            raise ConfigError(f'{name} must be a list of dicts, or None, got {section!r}')
        for number, item in enumerate(items or ()):
            if item is None or _is_plain(item) or item == {}:
                raise ConfigError(f'{name}.{number} must be a dict with a type, got {item!r}')
    resume = get('resume')
    if not isinstance(resume, bool | None):
        raise ConfigError(f'resume must be True or False, got {resume!r}')
    work_dir = get('work_dir')
    if not isinstance(work_dir, str | os.PathLike | None):
        raise ConfigError(f'work_dir must be a path, got {work_dir!r}')
    level = get('log_level')
    if level is not None and level not in (*LEVELS, *range(101)):
        raise ConfigError(f"log_level must be a level such as 'INFO', got {level!r}")


def check_groups(get: Callable[[str], Any]) -> None:
    """Check that a validation and a test are stated whole or not at all.

    Args:
        get: as above.

    Raises:
        ConfigError: only a part is stated.
    """
    for use, what in (('val', 'validation'), ('test', 'a test')):
        names = [f'{use}_dataloader', f'{use}_cfg', f'{use}_evaluator']
        absent = [name for name in names if get(name) is None]
        if 0 < len(absent) < len(names):
            given = [name for name in names if name not in absent]
            raise ConfigError(
                f'{what} takes all of {", ".join(names)}, and {" and ".join(absent)} is None: set '
                f'{" and ".join(given)} to None as well to do without, or state what is missing'
            )


def _require_dict(name: str, section: Any) -> None:
    if _is_plain(section) or isinstance(section, list | tuple):
        raise ConfigError(f'{name} must be a dict, got {section!r}')


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bytes | bool | int | float)
