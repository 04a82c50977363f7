from __future__ import annotations

import functools
import inspect
from inspect import Parameter
from typing import Any, TypeVar

from msvitreid.errors import ConfigError

from .components import check_values, signature_of

Class = TypeVar('Class', bound=type)


def checked(component: Class) -> Class:
    """Let a component check its options where it is made, in Python as well as from a config.

    A config is checked as a whole before anything is built, by the annotations of what takes the
    options. This is the same check for ``MSViT(drop_path_rate=2.0)``.

    Args:
        component: a class; what its constructor does not annotate is not checked.

    Returns:
        The same class, whose constructor raises ConfigError for an option that has no such value.
    """
    make: Any = component.__init__  # type: ignore[misc]
    signature = inspect.signature(make)
    several = (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    parameters = list(signature.parameters.values())[1:]
    single = {one.name for one in parameters if one.kind not in several}

    @functools.wraps(make)
    def checked_init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = dict(signature.bind(self, *args, **kwargs).arguments)
        options = {name: value for name, value in given.items() if name in single}
        known = signature_of(component).options
        problems = check_values(
            {name: option.annotation for name, option in known.items()},
            options,
            component.__name__,
            defaults={name: option.default for name, option in known.items()},
        )
        if texts := [str(problem) for problem in problems]:
            raise ConfigError('; '.join(texts))
        make(self, *args, **kwargs)

    component.__init__ = checked_init  # type: ignore[misc]
    return component
