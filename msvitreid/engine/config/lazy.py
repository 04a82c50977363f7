from __future__ import annotations

import copy
import inspect
import os
import re
from typing import Any

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

from msvitreid.registry.mmpretrain import SCOPE as MMPRETRAIN
from msvitreid.registry.type_names import type_name

#: mmengine's way to take a value from the environment, ``'{{$NAME:default}}'``.
ENVIRONMENT = re.compile(r'\{\{\s*\$(\w+)\s*:\s*(\S*?)\s*\}\}')


def without_classes(cfg: Config) -> Config:
    """A pure-Python config as the ordinary one it means: import paths in place of classes.

    Any other config comes back as it is. What is left can be overridden, written and read
    like any other config. Imported objects that are no ``type`` stay. Environment
    variables are filled in, which mmengine does for configs of the other style only.

    Raises:
        ImportError: a class cannot be imported.
    """
    if cfg.to_dict().keys() == cfg.to_dict(keep_imported=True).keys():
        return cfg  # imports nothing
    stated = {key: _plain(key, cfg.get(key)) for key in cfg.to_dict()}
    return Config(stated, cfg_text=cfg.text, filename=cfg.filename)


def with_names(cfg: Config) -> Config:
    """A copy of a config in which classes and functions are their import paths.

    mmengine cannot write down classes so that they can be read again.
    """
    named = copy.deepcopy(cfg)
    for key in named:
        named[key] = _named(named[key])
    return named


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _named(item) for key, item in dict.items(value)}
    if isinstance(value, list | tuple):
        return type(value)(_named(item) for item in value)
    return type_name(value) if inspect.isclass(value) or inspect.isroutine(value) else value


def _plain(key: Any, value: Any) -> Any:
    if isinstance(value, dict):
        # Not items() of mmengine's dict, which imports what is to be named.
        return {name: _plain(name, item) for name, item in dict.items(value)}
    if isinstance(value, list | tuple):
        return type(value)(_plain(None, item) for item in value)
    if isinstance(value, str):
        return ENVIRONMENT.sub(lambda found: os.environ.get(found[1], found[2]), value)
    if key not in ('type', 'runner_type'):
        return value
    name = type_name(value)
    if isinstance(value, LazyObject | LazyAttr) and not name.startswith(f'{MMPRETRAIN}.'):
        # The registry would not say which line of which file is wrong.
        value.build()
    return name
