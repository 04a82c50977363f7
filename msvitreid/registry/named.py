"""Configs whose types are names that are registered already: safe to write down and to take.

mmengine imports what a type names where nothing is registered under it, even a bare module. The
types of a file from elsewhere are therefore looked up here first, which imports nothing but our
components and, where it is named, mmpretrain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable

from .components import join
from .mmpretrain import SCOPE as MMPRETRAIN
from .mmpretrain import load_mmpretrain

OWN = 'msvitreid'

#: Where mmpretrain defines parts of nets and transforms; its wrappers of other libraries'
#: whole models, which download, are elsewhere.
MMPRETRAIN_ROOMS = tuple(
    f'mmpretrain.{room}'
    for room in (
        'models.backbones',
        'models.heads',
        'models.losses',
        'models.necks',
        'models.utils',
        'datasets.transforms',
    )
)


def with_registered_names(registry: Registry, node: Any, path: str) -> Any:
    """A copy of a component's config of plain values, in which each ``type`` is its name.

    ``init_cfg`` is left out at any depth: it does not matter to a net that a file fills.

    Args:
        registry: of the component and of those inside it.
        node: the config.
        path: of the config, for the sentence.

    Raises:
        ConfigError: a value is no text, number, list or dict, or a type is registered under no
            name.
    """
    if isinstance(node, Mapping | Config):
        named = {}
        for key, value in dict.items(node) if isinstance(node, dict) else node.items():
            if key == 'type':
                named[key] = _name_of(registry, value, join(path, key))
            elif key != 'init_cfg':
                named[key] = with_registered_names(registry, value, join(path, key))
        return named
    if isinstance(node, list | tuple):
        return [
            with_registered_names(registry, value, join(path, index))
            for index, value in enumerate(node)
        ]
    if node is None or isinstance(node, str | bool | int | float):
        return node
    raise ConfigError(f'{path} is a {type(node).__name__}, which cannot be written as text')


def require_registered(registry: Registry, node: Any, path: str) -> None:
    """Check that every ``type`` of a config of plain values is a registered name.

    Raises:
        ConfigError: nothing is registered under one; it is not looked for elsewhere.
    """
    for where, name in _types(node, path):
        if _registered(registry, name) is None:
            raise ConfigError(
                f'{where}: no component {printable(str(name))!r} is registered; if it is of a '
                'package of yours, import that first'
            )


def _types(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == 'type':
                yield join(path, key), value
            else:
                yield from _types(value, join(path, key))
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _types(value, join(path, index))


def _name_of(registry: Registry, kind: Any, path: str) -> str:
    """The name under which a type, given as a name, an import path or itself, is registered."""
    if isinstance(kind, str):
        if _registered(registry, kind) is not None:
            return kind.removeprefix(f'{OWN}.')
        component: Any = registry.get(kind)
    else:
        component = kind
    for prefix, found in _tables(registry):
        for name, registered in found.items():
            if registered is component:
                return prefix + name
    raise ConfigError(
        f'{path}: {getattr(component, "__qualname__", component)} is registered under no name; '
        'register it, as in docs/en/swap.md'
    )


def _registered(registry: Registry, name: Any) -> Any:
    """What is registered under a name; ``None`` if nothing is, or nothing that may be built."""
    if not isinstance(name, str):
        return None
    scope, _, bare = name.rpartition('.')
    if scope not in ('', OWN, MMPRETRAIN):
        return None
    if scope == MMPRETRAIN:
        load_mmpretrain()
    for prefix, found in _tables(registry):
        is_theirs = prefix != ''
        if bare not in found or (scope and is_theirs != (scope == MMPRETRAIN)):
            continue
        component = found[bare]
        module = str(getattr(component, '__module__', ''))
        if module.startswith('mmpretrain.') and not module.startswith(MMPRETRAIN_ROOMS):
            return None
        return component
    return None


def _tables(registry: Registry) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What is registered here, in ancestors, and in mmpretrain; with what names begin with."""
    registry.import_from_location()
    node: Registry | None = registry
    while node is not None:
        yield '', node.module_dict
        node = node.parent
    root = registry._get_root_registry()
    if MMPRETRAIN in root.children:
        other = root.children[MMPRETRAIN]
        other.import_from_location()
        yield f'{MMPRETRAIN}.', other.module_dict
