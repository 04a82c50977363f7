"""Conditions on the columns of items as filters of Qdrant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msvitreid.errors import GalleryError

from .where import OWN_COLUMNS, Condition


def as_filter(conditions: Sequence[Condition], excluded: Sequence[Condition]) -> Any:
    """A ``qdrant_client.models.Filter`` of points that meet all conditions and no excluded one.

    Raises:
        GalleryError: texts are compared by an operator, which Qdrant cannot.
    """
    from qdrant_client import models

    return models.Filter(
        must=[_condition(one) for one in conditions],
        must_not=[_condition(one) for one in excluded],
    )


def _condition(condition: Condition) -> Any:
    from qdrant_client import models

    column, operator, values = condition
    key = column if column in OWN_COLUMNS else f'metadata.{column}'
    if operator != '=':
        (value,) = values
        if isinstance(value, str):
            raise GalleryError(
                f'where[{column!r}] compares texts, which Qdrant cannot; store a number'
            )
        name = {'<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte'}[operator]
        return models.FieldCondition(key=key, range=models.Range(**{name: value}))
    texts = [value for value in values if isinstance(value, str)]
    alternatives: list[Any] = []
    if texts:
        alternatives.append(models.FieldCondition(key=key, match=models.MatchAny(any=texts)))
    for value in values:
        if value is None:
            alternatives.append(models.IsEmptyCondition(is_empty=models.PayloadField(key=key)))
        elif isinstance(value, bool):
            match = models.MatchValue(value=value)
            alternatives.append(models.FieldCondition(key=key, match=match))
        elif not isinstance(value, str):
            # A range finds 2 and 2.0, and no true.
            same = models.Range(gte=value, lte=value)
            alternatives.append(models.FieldCondition(key=key, range=same))
    # No alternative is met by nothing, an empty list of them would be met by everything.
    nothing = models.HasIdCondition(has_id=[])
    return models.Filter(should=alternatives or [nothing])
