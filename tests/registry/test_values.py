"""Values against annotations: what a config may say, and what the report says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import ConfigDict
from torch import Tensor
from typing_extensions import TypedDict

from msvitreid.registry.values import Mismatch, mismatches


class Sizes(TypedDict):
    dims: Sequence[int]


@pytest.mark.parametrize(
    ('annotation', 'value'),
    [
        (int, 3),
        (int, np.int64(3)),
        (float, 3),
        (float, np.float32(3)),
        (bool, True),
        (str, 'a'),
        (Sequence[int], (4, 4)),
        (Sequence[int], [4, 4]),
        (tuple[int, int], [4, 4]),
        (list[int], (4, 4)),
        (Mapping, ConfigDict(a=1)),
        (dict[str, int], ConfigDict(a=1)),
        (int | None, None),
        (Literal['a', 'b'], 'a'),
        (float | Tensor, 0.1),
        (Sequence[float] | None, [1, 2.5]),
        (str | Sizes, {'dims': [1, 2]}),
        (Callable, len),
        (Any, object()),
        ('NotAType', 3),
        # Annotations speak of what is built; the config's dict is checked where it is built.
        (Tensor, {'type': 'SomeTensor'}),
        (Sequence[Tensor], [{'type': 'SomeTensor'}]),
    ],
)
def test_allowed(annotation, value):
    assert mismatches(value, annotation) == []


@pytest.mark.parametrize(
    ('annotation', 'value', 'expected'),
    [
        (int, 'a', [Mismatch((), 'an integer', 'a')]),
        (int, True, [Mismatch((), 'an integer', True)]),
        (int, 3.0, [Mismatch((), 'an integer', 3.0)]),
        (float, 'fast', [Mismatch((), 'a number', 'fast')]),
        (float, False, [Mismatch((), 'a number', False)]),
        (bool, 1, [Mismatch((), 'True or False', 1)]),
        (Sequence[int], 'ab', [Mismatch((), 'a list', 'ab')]),
        (
            Sequence[int],
            ['a', 2, 'b'],
            [Mismatch((0,), 'an integer', 'a'), Mismatch((2,), 'an integer', 'b')],
        ),
        (tuple[int, int], [1, 'b'], [Mismatch((1,), 'an integer', 'b')]),
        (int | str | None, 0.5, [Mismatch((), 'an integer or a string or None', 0.5)]),
        (str | Sizes, {'dims': 3}, [Mismatch(('dims',), 'a list', 3)]),
        (str | Sizes, {'dims': [1, 'x']}, [Mismatch(('dims', 1), 'an integer', 'x')]),
        (dict[str, int], {'a': 'b'}, [Mismatch(('a',), 'an integer', 'b')]),
        (Literal['a', 'b'], 'c', [Mismatch((), "'a' or 'b'", 'c')]),
        (float | Tensor, 'x', [Mismatch((), 'a number or Tensor', 'x')]),
    ],
)
def test_refused(annotation, value, expected):
    found = mismatches(value, annotation)
    assert [mismatch._replace(kind='') for mismatch in found] == expected


def test_range():
    assert mismatches(0, Annotated[int, Ge(1)])[0].keys == ()
    assert mismatches(1, Annotated[int, Ge(1)]) == []


def test_key_that_is_missing():
    (wrong,) = mismatches({}, Sizes)
    assert (wrong.keys, wrong.missing) == (('dims',), True)


@pytest.mark.parametrize(
    ('annotation', 'value', 'default', 'problems'),
    [
        (Annotated[int, Ge(1)], 0, 5, 1),
        (Annotated[float, Ge(0)], float('nan'), 1.0, 1),
        (Annotated[int, Ge(1)] | None, 0, 5, 1),
        (Literal['a', 'b'], 'c', 'a', 1),
        # Names that a subclass adds, in place of which something else may stand.
        (Literal['a', 'b'] | Mapping[str, int], 'c', 'a', 0),
    ],
)
def test_a_limit_holds_whatever_the_default(annotation, value, default, problems):
    """Class of faults: 0 heads are allowed, for the default is an integer too."""
    assert len(mismatches(value, annotation, default)) == problems


def test_default_of_another_kind_is_allowed():
    """Other packages annotate ``x: int = None``."""
    assert mismatches(None, int, default=None) == []
    assert mismatches('a', int, default=None) != []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
        ),
    ),
    st.sampled_from(
        [int, float, Sequence[int], tuple[int, ...], dict[str, float], str | None, Sizes]
    ),
)
def test_never_raises_and_leads_to_the_value(value, annotation):
    for wrong in mismatches(value, annotation):
        found = value
        for key in wrong.keys[: -1 if wrong.missing else None]:
            found = found[key]
        if not wrong.missing:
            assert repr(found) == repr(wrong.got)
