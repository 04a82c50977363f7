from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A key's value, as a literal, on both sides; empty where there is none."""

    key: str
    left: str
    right: str


def config_diff(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """What differs between two configs, by dotted keys as ``--cfg-options`` takes them.

    A list of components has its items compared one by one, any other list as a whole.
    """
    ours, theirs = flat(left), flat(right)
    keys = list(ours)
    for before, key in zip([None, *theirs], theirs, strict=False):
        if key not in ours:
            keys.insert(0 if before is None else keys.index(before) + 1, key)
    pairs = ((key, _literal(ours, key), _literal(theirs, key)) for key in keys)
    return [Difference(key, a, b) for key, a, b in pairs if a != b]


def flat(node: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value, which is no dict and no list of dicts unless it is empty."""
    values: dict[str, Any] = {}
    for key, value in node.items():
        inner = _items(value)
        if inner:
            values.update({f'{key}.{below}': item for below, item in flat(inner).items()})
        else:
            values[str(key)] = value
    return values


def _items(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def _literal(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else ''
