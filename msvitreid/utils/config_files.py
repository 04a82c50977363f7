"""The configs that travel with the package, and finding one by its name."""

from __future__ import annotations

import os
from pathlib import Path

from msvitreid.errors import ConfigError

from .near_names import did_you_mean

#: Data that travel with the package, where OpenMMLab's tools look for them: configs, tools and the
#: model index. In a checkout they are symbolic links; a wheel holds the files.
PACKAGE_DATA = Path(__file__).parents[1] / '.mim'


def configs_folder() -> Path:
    """The folder of the configs, ``_base_`` included, of an installation or a checkout."""
    return PACKAGE_DATA / 'configs'


def config_names() -> dict[str, Path]:
    """Name of each config to its file; those to inherit from only are left out."""
    files = sorted(configs_folder().glob('*/*.py'))
    return {file.stem: file for file in files if file.parent.name != '_base_'}


def find_config(name: str | os.PathLike[str]) -> str:
    """Path of a config: a file that exists, else one that travels with the package.

    Args:
        name: a path, or a name such as ``msvit-s_market1501``; ``configs/``, its folder and
            ``.py`` may be written too, as in ``configs/msvit/msvit-s_market1501.py``.

    Raises:
        ConfigError: there is neither; near names are suggested.
    """
    if os.path.isfile(name):
        return str(name)
    wanted = Path(str(name).removesuffix('.py'))
    names = config_names()
    file = names.get(wanted.name)
    # A folder that is written must be the config's.
    if file is not None and wanted.parent.parts in ((), file.parts[-2:-1], file.parts[-3:-1]):
        return str(file)
    hint = did_you_mean(wanted.name, names)
    if not hint and len(wanted.parts) == 1:
        hint = ', nor has the package one of that name; list_configs() of msvitreid.apis lists them'
    raise ConfigError(f'config {str(name)!r} does not exist{hint}')


def find_base(name: str) -> str:
    """Path of a file below the folder of configs, as ``_base_ = 'msvitreid::...'`` names it.

    Raises:
        ConfigError: it is not there; near names are suggested.
    """
    folder = configs_folder()
    file = folder / name
    if file.is_file() and '..' not in file.parts:
        return str(file)
    known = (str(path.relative_to(folder)) for path in folder.glob('**/*.py'))
    raise ConfigError(
        f"base 'msvitreid::{name}' is none of the package's configs{did_you_mean(name, known)}"
    )
