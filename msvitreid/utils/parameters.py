from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def call_parameters(component: Any) -> Mapping[str, inspect.Parameter]:
    """The named parameters of a class or function.

    A class that passes ``**kwargs`` on to its base has those of the base as well.
    """
    calls = [component]
    if inspect.isclass(component):
        calls = [
            vars(kind)['__init__'] for kind in component.__mro__ if '__init__' in vars(kind)
        ]
    found: dict[str, inspect.Parameter] = {}
    for call in calls:
        parameters = inspect.signature(call).parameters.values()
        passed_on = [p for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD]
        named = (p for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL)
        found = {**{p.name: p for p in named if p not in passed_on}, **found}
        if not passed_on:
            break
    if inspect.isclass(component):
        found.pop('self', None)
    return found
