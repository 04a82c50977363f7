"""Conditions on the columns of items: checked, and written as SQL with bound parameters.

Values compare as in JSON: numbers with numbers, texts with texts, ``true`` and ``false`` only with
themselves. A column that an item lacks equals ``None``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from msvitreid.errors import GalleryError

OPERATORS = ('<', '<=', '>', '>=')
OWN_COLUMNS = ('id', 'hash')
"""Columns that every item has and that are no metadata."""

MOST_CONDITIONS = 100
"""Of one search and of one query's exclusions; SQLite takes a depth of 1000."""

COMPARABLE = 'write such a number as a text, and texts without NUL characters'
"""What to do about a value that :func:`is_comparable` refuses."""

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]{0,63}')


class Condition(NamedTuple):
    """``column`` is one of ``values`` (operator ``=``), or compares with the only one."""

    column: str
    operator: str
    values: tuple[Any, ...]


def check_column(name: object) -> str:
    """The name of a column, checked.

    Raises:
        GalleryError: not a name of letters, digits and underscores.
    """
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise GalleryError(
            f'a column of a gallery must be named with letters, digits and underscores (at most '
            f'64, no digit first), got {name!r}'
        )
    return name


def parse_where(where: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """Conditions of ``{column: value | [values] | {'<': value, '>=': value}}``.

    Raises:
        GalleryError: a column, an operator or a value cannot be compared.
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        raise GalleryError(f'where must be a dict of columns, got {where!r}')
    conditions: list[Condition] = []
    for column, wanted in where.items():
        check_column(column)
        if isinstance(wanted, Mapping):
            for operator, value in wanted.items():
                if operator not in OPERATORS:
                    raise GalleryError(
                        f'where[{column!r}] has the operator {operator!r}; there are '
                        f'{", ".join(OPERATORS)}'
                    )
                value = _value(column, value)
                if value is None or isinstance(value, bool):
                    raise GalleryError(
                        f'where[{column!r}] compares with {value!r}; give a number or a text'
                    )
                conditions.append(Condition(column, operator, (value,)))
        elif isinstance(wanted, (list, tuple, set, frozenset, np.ndarray)):
            values = tuple(_value(column, value) for value in wanted)
            conditions.append(Condition(column, '=', values))
        else:
            conditions.append(Condition(column, '=', (_value(column, wanted),)))
    return _few('where', conditions)


def parse_exclude(
    exclude: Mapping[str, Sequence[Any]] | None, queries: int
) -> tuple[tuple[Condition, ...], ...]:
    """For each query the conditions of ``{column: [a value or None for each query]}``.

    Instead of one value a list of several can be given.

    Raises:
        GalleryError: there is not one value for each query, or one cannot be compared.
    """
    found: list[list[Condition]] = [[] for _ in range(queries)]
    if not isinstance(exclude, Mapping | None):
        raise GalleryError(f'exclude must be a dict of columns, got {exclude!r:.100}')
    for column, values in (exclude or {}).items():
        check_column(column)
        if not is_listing(values, queries):
            raise GalleryError(
                f'exclude[{column!r}] must be a list with one value for each of the {queries} '
                f'queries (None excludes nothing)'
            )
        for conditions, value in zip(found, values, strict=True):
            if isinstance(value, (list, tuple, set, frozenset)):
                several = tuple(_value(column, one) for one in value)
                conditions.append(Condition(column, '=', several))
            elif value is not None:
                conditions.append(Condition(column, '=', (_value(column, value),)))
    return tuple(_few('exclude', conditions) for conditions in found)


def is_listing(values: object, count: int) -> bool:
    """Whether these are ``count`` values in a list or array, no single text or dict."""
    is_list = isinstance(values, Collection) and not isinstance(
        values, (str, bytes, Mapping, Set)
    )
    return is_list and len(values) == count  # type: ignore[arg-type]


def is_comparable(value: object) -> bool:
    """Whether SQLite tells a value from all others.

    It reads integers beyond 64 bits as the nearest float, and ends texts at a NUL.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not (isinstance(value, str) and '\0' in value)


def as_sql(conditions: Sequence[Condition], joined: str = 'AND') -> tuple[str, list[Any]]:
    """A boolean expression on the table ``items``, and what is bound to its parameters."""
    parts, parameters = [], []
    for condition in conditions:
        text, bound = _sql(condition)
        parts.append(f'({text})')
        parameters += bound
    return f' {joined} '.join(parts) or '1', parameters


def matches(condition: Condition, values: Mapping[str, Any]) -> bool:
    """Whether one value of an item equals one of an ``=`` condition's."""
    own = values.get(condition.column)
    return any(_kind(own) == _kind(value) and own == value for value in condition.values)


def _value(column: str, value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        if isinstance(value, str) and not (_encodable(value) and is_comparable(value)):
            raise GalleryError(
                f'{column!r} is compared with a text that is no Unicode or has a NUL character'
            )
        return value
    if isinstance(value, int) and is_comparable(value):
        return value
    if isinstance(value, float) and abs(value) < float('inf'):
        return value
    raise GalleryError(
        f'{column!r} is compared with {value!r}; give a text, a finite number of 64 bits, True, '
        f'False or None'
    )


def _few(name: str, conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    if len(conditions) > MOST_CONDITIONS:
        raise GalleryError(
            f'{name} has {len(conditions):,} conditions, more than {MOST_CONDITIONS}; a list of '
            f'values is one condition'
        )
    return tuple(conditions)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    if value is None:
        return 'null'
    if isinstance(value, bool):
        return 'bool'
    return 'number' if isinstance(value, (int, float)) else type(value).__name__


def _sql(condition: Condition) -> tuple[str, list[str]]:
    # The name was checked; as a part of the text an index can be used for it.
    column = condition.column
    value, is_kind = _own_column(column) if column in OWN_COLUMNS else _metadata_column(column)
    if condition.operator != '=':
        (bound,) = condition.values
        # Numbers are bound as JSON, so that SQLite reads them as it reads those of an item.
        comparison = f"{value} {condition.operator} json_extract(?, '$')"
        return f'{comparison} AND {is_kind[_kind(bound)]}', [json.dumps(bound)]
    alternatives, parameters = [], []
    for name in ('str', 'number'):
        if values := [one for one in condition.values if _kind(one) == name]:
            parameters.append(json.dumps(values, ensure_ascii=False))
            alternatives.append(
                f'{value} IN (SELECT value FROM json_each(?)) AND {is_kind[name]}'
            )
    for single in (None, True, False):
        if any(one is single for one in condition.values):
            alternatives.append(is_kind[str(single)])
    return ' OR '.join(alternatives) or '0', parameters


def _own_column(column: str) -> tuple[str, dict[str, str]]:
    is_kind = {'str': '1', 'number': '0', 'None': f'{column} IS NULL'}
    return column, {**is_kind, 'True': '0', 'False': '0'}


def _metadata_column(column: str) -> tuple[str, dict[str, str]]:
    """A column's value, and a test for each kind of JSON value.

    The tests use the value alone, which an index has. Only where SQLite gives the same value for
    two kinds of JSON (``true`` is 1, a list is its text) the row is read.
    """
    path = f"""metadata, '$."{column}"'"""
    value, kind = f'json_extract({path})', f'json_type({path})'
    return value, {
        'str': f"typeof({value}) = 'text' AND ({value} NOT GLOB '[[{{]*' OR {kind} = 'text')",
        'number': f"typeof({value}) IN ('integer', 'real') AND "
        f"({value} NOT IN (0, 1) OR {kind} NOT IN ('true', 'false'))",
        'None': f'{value} IS NULL',
        'True': f"{value} = 1 AND {kind} = 'true'",
        'False': f"{value} = 0 AND {kind} = 'false'",
    }
