from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.utils import import_modules_from_strings

from msvitreid.errors import ConfigError
from msvitreid.registry import RUNNERS
from msvitreid.utils.files import OUT_OF_SPACE, cannot_write
from msvitreid.utils.near_names import did_you_mean

from .completion import repeat_option
from .lazy import without_classes
from .option_paths import require_place, with_full_paths
from .package_bases import package_bases
from .pipelines import prepare_option, require_effect, resolve
from .sections import RUNNER_OPTIONS


def load_config(
    path: str | os.PathLike[str], options: Mapping[str, Any] | None = None
) -> Config:
    """Read a config file of either style and override it with dotted ``options``.

    A Python config is code and runs: load only files you trust. Its ``custom_imports`` are
    imported once the options are set. The config stays as it is stated, for a runner that
    completes it; for mmengine's ``Runner`` pipelines and image size are filled in.

    Raises:
        ConfigError: the file is missing or cannot be parsed, an option cannot be set or has no
            effect, or a module cannot be imported.
        OutputError: the disk of temporary files, to which mmengine copies a config, is full.
    """
    if not os.path.isfile(path):
        raise ConfigError(f'config {str(path)!r} does not exist')
    try:
        with package_bases():
            cfg = Config.fromfile(path, import_custom_modules=False)
        cfg = without_classes(cfg)
    except FileNotFoundError as error:
        raise ConfigError(
            f'config {str(path)!r} names a base that is missing: {error}'
        ) from error
    except Exception as error:
        if 'inheritance chain' in str(error):
            raise ConfigError(
                f'config {str(path)!r} begins with an import, as configs with read_base() do; '
                'write _base_ above its imports, or inherit with read_base()'
            ) from error
        if isinstance(error, OSError) and error.errno in OUT_OF_SPACE:
            # mmengine reads a copy, which it makes there.
            raise cannot_write(tempfile.gettempdir(), error) from error
        # A config is code and may raise anything.
        raise ConfigError(
            f'config {str(path)!r} cannot be read: {str(error) or type(error).__name__}'
        ) from error
    for key, value in (options or {}).items():
        _check_section(cfg, key)
        repeat_option(cfg, key, value)
        prepare_option(cfg, key)
        require_place(cfg, key)
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f'option {key!r} cannot be set to {value!r}: {error}') from error
    _import_custom(cfg, path)
    require_effect(cfg, options or {})
    runner = RUNNERS.component({'type': cfg.get('runner_type') or 'Runner'})
    if not getattr(runner, 'completes_config', False):
        # mmengine's builds what is stated.
        resolve(cfg)
    return cfg


def _import_custom(cfg: Config, path: str | os.PathLike[str]) -> None:
    """Import what ``custom_imports`` names.

    Raises:
        ConfigError: it is no dict of mmengine's kind, or a module cannot be imported.
    """
    custom = cfg.get('custom_imports')
    if not custom:
        return
    names = custom.get('imports') if isinstance(custom, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise ConfigError(
            "custom_imports must be a dict such as dict(imports=['my_package.my_module']), got "
            f'{custom!r}'
        )
    try:
        import_modules_from_strings(list(names), bool(custom.get('allow_failed_imports')))
    except ImportError as error:
        module = str(error).removeprefix('Failed to import ')
        raise ConfigError(
            f'config {str(path)!r}: cannot import {module!r} ({error.__context__}); install the '
            'package or set PYTHONPATH to the folder that holds it'
        ) from error


def _check_section(cfg: Config, key: str) -> None:
    """Refuse an option of a section that neither the config nor a runner has.

    Raises:
        ConfigError: its first part is unknown; near names are suggested.
    """
    section = key.split('.')[0]
    known = {*cfg.keys(), *inspect.signature(Runner).parameters, *RUNNER_OPTIONS}
    if section not in known:
        hint = with_full_paths(cfg, key) or did_you_mean(section, known)
        raise ConfigError(f'option {key!r} names no section of the config{hint}')
