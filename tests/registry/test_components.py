"""Options of a config against a component's signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from mmengine.runner import LogProcessor

from msvitreid.errors import ConfigError
from msvitreid.registry.components import Problem, check_options, join, refuse, signature_of

if TYPE_CHECKING:
    from nowhere import Unknown


class Base:
    def __init__(self, size: int, *, name: str = 'base') -> None: ...


class PassesOn(Base):
    def __init__(self, ratio: float = 0.5, **kwargs: Any) -> None: ...


class TypeCheckingOnly:
    def __init__(self, a: Unknown, b: int = 1) -> None: ...


def function(a: Sequence[int], b=3): ...


def check(component, options: Mapping, **kwargs) -> list[tuple[str, str]]:
    return [tuple(problem) for problem in check_options(component, options, 'part', **kwargs)]


def test_options_of_bases():
    signature = signature_of(PassesOn)
    assert set(signature.options) == {'ratio', 'size', 'name'}
    assert not signature.is_open
    assert signature.required == {'size'}


def test_open_signature_takes_any_name():
    def takes_any(a: int, **kwargs: Any) -> None: ...

    assert check(takes_any, {'a': 1, 'b': 2}) == []
    assert check(takes_any, {'a': 'x'}) == [('part.a', "expected an integer, got 'x'")]


def test_everything_at_once():
    found = check(PassesOn, {'type': 'PassesOn', 'ratoi': 1, 'name': 3})
    assert [path for path, _ in found] == ['part.ratoi', 'part.name', 'part.size']
    assert "'ratio'" in found[0][1]


def test_what_the_caller_gives_is_not_required():
    assert check(Base, {}, given=['size']) == []


def test_other_options_are_taken_out_or_narrowed():
    assert check(Base, {'size': 1, 'priority': 'LOW'}, others={'priority': str | int}) == []
    found = check(Base, {'size': 1, 'priority': None}, others={'priority': str | int})
    assert found == [('part.priority', 'expected a string or an integer, got None')]


def test_annotation_that_exists_for_type_checkers_only():
    assert check(TypeCheckingOnly, {'a': object(), 'b': 'x'}) == [
        ('part.b', "expected an integer, got 'x'")
    ]


def test_number_without_annotation():
    """Of mmengine's components a string is refused; of others nothing is known."""
    assert check(function, {'a': [1], 'b': 'x'}) == []
    found = check(LogProcessor, {'window_size': 'x'})
    assert [path for path, _ in found] == ['part.window_size']
    assert check(LogProcessor, {'window_size': 0.5}) == []


def test_paths():
    assert join('model', 'split_size', 0) == 'model.split_size[0]'
    assert join('', 'model') == 'model'
    assert join('a', 'b\n') == 'a.b\\n'


def test_refuse_lists_all():
    refuse([])
    with pytest.raises(ConfigError, match=r'a\.b: wrong'):
        refuse([Problem('a.b', 'wrong')])
    with pytest.raises(ConfigError, match=r'2 problems.*a: x.*b: y'):
        refuse([Problem('a', 'x'), Problem('b', 'y')])
