"""A component's config and those of the components below it, compared with what they take."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.registry import Registry

from msvitreid import registry
from msvitreid.errors import ConfigError

from .components import (
    GIVEN,
    NOT_OPTIONS,
    TAKEN_OUT,
    Problem,
    check_options,
    join,
    signature_of,
)

PACKAGE = __name__.partition('.')[0]

#: Registries of what stands below these options of any component; all others are of the
#: component's own registry.
NESTED: dict[str, Registry] = {
    'calibration': registry.DATASETS,
    'dataset': registry.DATASETS,
    'datasets': registry.DATASETS,
    'init_cfg': registry.WEIGHT_INITIALIZERS,
    'optimizer': registry.OPTIMIZERS,
    'pipeline': registry.TRANSFORMS,
    'transforms': registry.TRANSFORMS,
    'vis_backends': registry.VISBACKENDS,
}


def check_component(
    kinds: Registry,
    node: Any,
    path: str,
    default: str | type | None = None,
    taken_out: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    """A component's config and those of the components below it.

    Args:
        taken_out: options that the component above takes out before it builds this one.
    """
    if not isinstance(node, Mapping):
        # Built objects, and what the sections' annotations have reported, are passed over.
        return
    kind = node.get('type', default)
    component = yield from resolve_type(kinds, node, kind, path)
    if component is None:
        return
    options = {key: value for key, value in node.items() if key not in NOT_OPTIONS}
    others = {**TAKEN_OUT.get(kinds.name, {}), **(taken_out or {})}
    given: Sequence[str] = GIVEN.get(kinds.name, ())
    if kinds is registry.MODELS:
        # A part of a net may get from the part around it what its config leaves out.
        given = sorted(signature_of(component).required)
    yield from check_options(component, options, path, given, others)
    for name, value in options.items():
        strict = _is_ours(component) or name in NESTED
        above = _Above(strict, kind, getattr(component, 'member_options', {}).get(name))
        yield from _below(NESTED.get(name, kinds), value, join(path, name), above)


def resolve_type(
    kinds: Registry, node: Mapping[str, Any], kind: Any, path: str
) -> Generator[Problem, None, Any]:
    """The class or function that a type names; ``None`` with a problem if there is none."""
    if kind is None:
        yield Problem(path, f'has no type; a {kinds.name} is a dict with its type')
    elif isinstance(kind, str):
        scope = node.get('_scope_')
        try:
            return kinds.get(kind if scope is None or '.' in kind else f'{scope}.{kind}')
        except ConfigError as error:
            yield Problem(join(path, 'type'), str(error))
    elif callable(kind):
        return kind
    else:
        yield Problem(join(path, 'type'), f'expected a name or a class, got {kind!r}')
    return None


class _Above(NamedTuple):
    """The component above.

    Attributes:
        strict: whether a type that nobody knows is a problem; options of other packages'
            components may have a ``type`` that names no component.
        kind: its type.
        taken_out: options that it takes out of the configs below this option: the class
            attribute ``member_options`` says so.
    """

    strict: bool
    kind: Any
    taken_out: Mapping[str, Any] | None


def _below(kinds: Registry, value: Any, path: str, above: _Above) -> Iterator[Problem]:
    """Components inside an option's value."""
    if isinstance(value, Mapping) and 'type' in value:
        kind = value['type']
        scope, _, _ = str(above.kind).rpartition('.')
        if isinstance(kind, str) and not _exists(kinds, kind):
            if scope and _exists(kinds, f'{scope}.{kind}'):
                value = {**value, 'type': f'{scope}.{kind}'}
            elif not above.strict:
                return
        yield from check_component(kinds, value, path, taken_out=above.taken_out)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            inner = above._replace(strict=False)
            yield from _below(NESTED.get(key, kinds), item, join(path, key), inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _below(kinds, item, join(path, index), above)


def _exists(kinds: Registry, kind: str) -> bool:
    try:
        return kinds.get(kind) is not None
    except ConfigError:
        return False


def _is_ours(component: Any) -> bool:
    return str(getattr(component, '__module__', '')).partition('.')[0] == PACKAGE


def check_each(kinds: Registry, nodes: Any, path: str) -> Iterator[Problem]:
    """The same for a list of components."""
    if isinstance(nodes, list | tuple):
        for index, node in enumerate(nodes):
            if isinstance(node, str | int | float | list | None):
                yield Problem(join(path, index), f'expected a dict with its type, got {node!r}')
            yield from check_component(kinds, node, join(path, index))
