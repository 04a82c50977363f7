"""Values of options compared with the annotations of what takes them."""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter
from numbers import Integral, Real
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from typing_extensions import TypedDict, get_type_hints, is_typeddict

#: Plain names of what pydantic expects, by the type of its error.
EXPECTED = {
    'bool_type': 'True or False',
    'callable_type': 'a function',
    'dict_type': 'a dict',
    'float_type': 'a number',
    'int_type': 'an integer',
    'list_type': 'a list',
    'mapping_type': 'a dict',
    'none_required': 'None',
    'sequence_str': 'a list',
    'set_type': 'a set',
    'string_type': 'a string',
    'tuple_type': 'a list',
}

#: Errors of annotations for which a component's config may stand, and of some that look alike.
OBJECTS = ('callable_type', 'dataclass_type', 'is_instance_of', 'is_subclass_of')
CONTAINERS = ('Collection', 'Iterable', 'Mapping', 'Sequence')

#: Where pydantic says a limit, and how it is called.
LIMITS = {
    'greater_than': ('gt', 'more than'),
    'greater_than_equal': ('ge', 'at least'),
    'less_than': ('lt', 'less than'),
    'less_than_equal': ('le', 'at most'),
}


class Mismatch(NamedTuple):
    """A value that an annotation does not allow.

    Attributes:
        keys: from the option's value down to what is wrong, as in ``split_size[0]``.
        expected: what is allowed, in words.
        got: what is there; ``None`` with ``missing`` where a key is lacking.
        missing: whether a required key is lacking.
        kind: pydantic's name of the error.
    """

    keys: tuple[str | int, ...]
    expected: str
    got: Any
    missing: bool = False
    kind: str = ''


def mismatches(value: Any, annotation: Any, default: Any = Parameter.empty) -> list[Mismatch]:
    """Compare a value with an annotation, without converting it.

    A list stands for a tuple and an integer for a float; a bool is no number and a string is no
    list. A value of the default's own type is always allowed, as annotations of other packages
    are not always complete, but for limits, the names of a ``Literal``, and what is inside it.

    Args:
        value: of an option of a config.
        annotation: a type, or what cannot be checked (then nothing is found).
        default: of the parameter.

    Returns:
        what is wrong; of a union, what is wrong with the member that comes nearest.
    """
    members = _members(annotation)
    found = [_of_one(value, member) for member in members]
    if not all(found):
        return []
    deepest = max(found, key=lambda errors: len(errors[0].keys))
    wrong = deepest if deepest[0].keys else [error for errors in found for error in errors]
    if default is not Parameter.empty and type(value) is type(default):
        stated = {*LIMITS, 'literal_error'} if len(members) == 1 else {*LIMITS}
        wrong = [mismatch for mismatch in wrong if mismatch.keys or mismatch.kind in stated]
    # One of a place; several members may ask for the same there: list[int] | tuple[int].
    places: dict[tuple[str | int, ...], list[Mismatch]] = {}
    for mismatch in wrong:
        places.setdefault(mismatch.keys, []).append(mismatch)
    return [
        same[0]._replace(expected=' or '.join(dict.fromkeys(one.expected for one in same)))
        for same in places.values()
    ]


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (typing.Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _of_one(value: Any, annotation: Any) -> list[Mismatch]:
    from pydantic import ValidationError

    adapter = _adapter(_Hashable(annotation))
    if adapter is None:
        return []
    try:
        adapter.validate_python(value)
    except ValidationError as failed:
        return list(_readable(value, failed.errors(include_url=False)))
    except Exception:
        # A validator of an annotation's own type, which says nothing about this value.
        return []
    return []


class _Hashable:
    """An annotation as a key of a cache; equal annotations need not be hashable."""

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation

    def __hash__(self) -> int:
        return hash(repr(self.annotation))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and repr(other.annotation) == repr(self.annotation)


@functools.cache
def _adapter(key: _Hashable) -> Any:
    """A strict validator, or ``None`` for what pydantic knows no rule of."""
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    try:
        strict = _with_lists(key.annotation)
        # A TypedDict takes no configuration from outside.
        return TypeAdapter(strict, config=None if is_typeddict(strict) else config)
    except Exception:
        # Annotations are of any kind, forward references to what is not imported included.
        return None


def _with_lists(annotation: Any) -> Any:
    """The annotation with lists allowed where it says tuple, and the other way round."""
    from pydantic import Strict

    if is_typeddict(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        keys = {key: _with_lists(hint) for key, hint in hints.items()}
        make: Any = TypedDict
        copy = make(annotation.__name__, keys, total=annotation.__total__)
        copy.__pydantic_config__ = {'strict': True}
        return copy
    origin, items = get_origin(annotation), get_args(annotation)
    if annotation in (tuple, list, set):
        return Annotated[annotation, Strict(False)]
    if origin is None or origin in (typing.Literal, Annotated):
        return annotation
    if origin in (Iterable, Collection):
        # Pydantic looks at the items of these only when they are asked for.
        origin = Sequence
    inner = tuple(item if item is Ellipsis else _with_lists(item) for item in items)
    if origin in (tuple, list, set):
        return Annotated[origin[inner], Strict(False)]
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, inner)
    if origin is Sequence:
        # Of anything, a text would be one.
        any_list = Annotated[list, Strict(False)]
        return Sequence[inner[0]] if inner and inner[0] is not Any else any_list  # type: ignore
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(inner) == 2:
        return Mapping[inner[0], inner[1]]  # type: ignore[valid-type]
    return annotation


def _readable(value: Any, errors: list[Any]) -> Iterator[Mismatch]:
    # Annotations are of what is built, a config's value is still to be built.
    to_build = [
        _keys(value, error['loc'])
        for error in errors
        if isinstance(error['input'], Mapping)
        and 'type' in error['input']
        and error['type'] in OBJECTS
        and (error.get('ctx') or {}).get('class', '').rpartition('.')[2] not in CONTAINERS
    ]
    for error in errors:
        kind, got = error['type'], error['input']
        if _keys(value, error['loc']) in to_build:
            continue
        # NumPy's numbers are as good as Python's.
        if kind == 'int_type' and isinstance(got, Integral) and not isinstance(got, bool):
            continue
        if kind == 'float_type' and isinstance(got, Real) and not isinstance(got, bool):
            continue
        missing = kind == 'missing'
        keys = _keys(value, error['loc'])
        if missing:
            keys = (*keys, error['loc'][-1])
        yield Mismatch(keys, _expected(kind, error), got, missing, kind)


def _expected(kind: str, error: Mapping[str, Any]) -> str:
    context = error.get('ctx') or {}
    if kind == 'is_instance_of':
        name = context['class'].rpartition('.')[2]
        return {'Sequence': 'a list', 'Mapping': 'a dict'}.get(name, name)
    if kind == 'literal_error':
        return str(context['expected'])
    if kind == 'missing':
        return 'a value'
    if kind in LIMITS:
        limit, words = LIMITS[kind]
        return f'{words} {context[limit]}'
    message = error['msg']
    return EXPECTED.get(kind) or message.removeprefix('Input should be ').strip()


def _keys(value: Any, location: tuple[Any, ...]) -> tuple[str | int, ...]:
    """The part of pydantic's location that leads through ``value``.

    The rest are names of a union's members.
    """
    keys: list[str | int] = []
    for step in location:
        is_key = isinstance(value, Mapping) and step in value
        if is_key or (isinstance(value, list | tuple) and step in range(len(value))):
            value = value[step]
            keys.append(step)
    return tuple(keys)
