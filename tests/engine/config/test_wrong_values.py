"""Wrong values drawn from the annotations of every component that a config can name."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, isclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid import registry
from msvitreid.engine import check_config
from msvitreid.errors import ConfigError
from msvitreid.registry.components import GIVEN, check_options, signature_of

#: Where a component of a registry stands in a config, and whether mmengine's are looked at.
PLACES: dict[str, tuple[str, bool]] = {
    'MODELS': ('model', False),
    'DATASETS': ('train_dataloader.dataset', False),
    'TRANSFORMS': ('train_dataloader.dataset.pipeline[0]', False),
    'DATA_SAMPLERS': ('train_dataloader.sampler', True),
    'METRICS': ('val_evaluator', False),
    'HOOKS': ('custom_hooks[0]', True),
    'LOOPS': ('train_cfg', True),
    'PARAM_SCHEDULERS': ('param_scheduler[0]', True),
    'WEIGHT_INITIALIZERS': ('model.init_cfg', False),
}


class Case(NamedTuple):
    """An option of a component; ``kinds`` are the plain types that its annotation allows."""

    kinds_of: str
    component: str
    option: str
    kinds: frozenset[type]

    def __repr__(self) -> str:
        return f'{self.component}.{self.option}'


def plain_kinds(annotation: Any) -> frozenset[type] | None:
    """The plain types of the values that an annotation allows, ``None`` if that is not known."""
    origin = typing.get_origin(annotation)
    members = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [plain_kinds(member) for member in members]
        return None if None in inner else frozenset().union(*inner)
    if origin is typing.Annotated:
        return plain_kinds(members[0])
    if origin is typing.Literal:
        return frozenset(map(type, members))
    kind = origin or annotation
    if typing.is_typeddict(kind):
        return frozenset({dict})
    if not isclass(kind) or kind is object:
        return frozenset({type(None)}) if kind is None else None
    if kind in (int, str, bool, type(None)):
        return frozenset({kind})
    if kind is float:
        return frozenset({int, float})
    if issubclass(kind, Mapping):
        return frozenset({dict})
    if issubclass(kind, Iterable):
        return frozenset({list})
    # Configs of components are dicts, functions are named by none of the plain types.
    return frozenset() if kind is Callable else frozenset({dict})


def cases() -> list[Case]:
    found = []
    for kinds_of, (_, with_mmengine) in PLACES.items():
        kinds = getattr(registry, kinds_of)
        kinds.import_from_location()
        names = dict(kinds.module_dict)
        if with_mmengine:
            kinds.parent.import_from_location()
            names = {**kinds.parent.module_dict, **names}
        for name, component in names.items():
            if not component.__module__.startswith(('msvitreid.', 'mmengine.')):
                continue
            for option, (default, annotation) in signature_of(component).options.items():
                allowed = plain_kinds(annotation)
                if allowed is None or option in GIVEN.get(kinds.name, ()):
                    continue
                if default is not Parameter.empty:
                    allowed |= {list if isinstance(default, tuple) else type(default)}
                found.append(Case(kinds_of, name, option, allowed))
    return found


CASES = cases()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@st.composite
def wrong_values(draw) -> tuple[Case, Any]:
    case = draw(st.sampled_from(CASES))
    return case, draw(VALUES.filter(lambda value: type(value) not in case.kinds))


def in_a_config(case: Case, value: Any) -> dict[str, Any]:
    node: Any = {'type': case.component, case.option: value}
    if case.kinds_of == 'WEIGHT_INITIALIZERS':
        return {'model': {'type': 'MSViT', 'init_cfg': node}}
    for key in reversed(PLACES[case.kinds_of][0].split('.')):
        name, in_list, _ = key.partition('[')
        node = {name: [node] if in_list else node}
        if name == 'pipeline':
            node['type'] = 'Market1501'
    return node


def test_cases_are_of_all_registries():
    assert len(CASES) > 400
    assert {case.kinds_of for case in CASES} == set(PLACES)


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(wrong_values())
def test_a_value_of_another_kind_is_a_problem_with_its_key(drawn):
    """A value of a kind that the annotation excludes ended in a traceback, or was taken."""
    case, value = drawn
    place, _ = PLACES[case.kinds_of]
    with pytest.raises(ConfigError) as caught:
        check_config(in_a_config(case, value))
    assert f'{place}.{case.option}: expected ' in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        getattr(registry, case.kinds_of).build({'type': case.component, case.option: value})
    assert f'{case.component}.{case.option}: expected ' in str(caught.value)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(CASES), VALUES)
def test_any_value_at_all_is_compared(case, value):
    """A value that made the comparison itself fail."""
    component = getattr(registry, case.kinds_of).get(case.component)
    for problem in check_options(component, {case.option: value}, 'part'):
        assert problem.path.startswith('part.')
