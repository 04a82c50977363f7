"""What the ``type`` of a component's config is called; it is a name, a path or a class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from mmengine.config.lazy import LazyAttr, LazyObject

from .mmpretrain import SCOPE as MMPRETRAIN


def type_name(kind: Any) -> str:
    """A ``type`` as text: a class or function as its import path, a string as it is."""
    if isinstance(kind, LazyObject | LazyAttr):
        return f'{kind.module}.{kind}'
    if inspect.isclass(kind) or inspect.isroutine(kind):
        return f'{kind.__module__}.{kind.__qualname__}'
    return str(kind or '')


def short_type(node: Any) -> str:
    """The type a config names, without scope or module; '' if it names none."""
    kind = node.get('type') if isinstance(node, Mapping) else None
    return type_name(kind).rpartition('.')[2]


def own_type(node: Any) -> str | None:
    """As :func:`short_type`, but ``None`` for components of other packages' scopes."""
    name = type_name(node.get('type')) if isinstance(node, Mapping) else ''
    scope, dot, _ = name.partition('.')
    return short_type(node) if not dot or scope == 'msvitreid' else None


def of_mmpretrain(node: Any) -> bool:
    """Known by name, so that looking at a config does not import mmpretrain."""
    if not isinstance(node, Mapping):
        return False
    return MMPRETRAIN in (node.get('_scope_'), type_name(node.get('type')).partition('.')[0])
