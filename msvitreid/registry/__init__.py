"""Registries of scope ``msvitreid``, children of mmengine's.

A child exists for every mmengine registry, so that ``default_scope =
'msvitreid'`` resolves everything; the ones we add to import their components
on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine import registry as mmengine_registry
from mmengine.config import Config
from mmengine.registry import Registry

from msvitreid.errors import ConfigError
from msvitreid.registry.components import (
    GIVEN,
    TAKEN_OUT,
    Option,
    check_options,
    name_of,
    refuse,
    signature_of,
)
from msvitreid.registry.mmpretrain import SCOPE as MMPRETRAIN
from msvitreid.registry.mmpretrain import load_mmpretrain
from msvitreid.registry.refusals import refusals
from msvitreid.utils.near_names import did_you_mean

#: As many components as an error lists.
FEW = 8


class SuggestingRegistry(Registry):
    """A registry whose failed look-up is an error with near matches.

    The first look-up of one of mmpretrain's components imports mmpretrain.

    Raises:
        ConfigError: the name is neither in this registry nor in an ancestor
            (mmengine's own answer would be ``None``), or mmpretrain is not installed.
    """

    def get(self, key: str) -> type:
        if isinstance(key, str) and key.startswith(f'{MMPRETRAIN}.'):
            load_mmpretrain()
        try:
            found = super().get(key)
        except RuntimeError:
            # mmengine also imports what has such a path, and stumbles over modules.
            found = None
        if not callable(found):
            raise ConfigError(f'unknown {self.name} {key!r}: {self._why_unknown(key)}')
        return found

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """Build a component, or a ``Sequential`` of a list of models.

        Raises:
            ConfigError: the config is no dict, names no type, or its options are not those of the
                component: see :func:`check_options`; or a package that the component needs is
                missing.
        """
        if self.name == 'runner':
            # Which checks its whole config itself.
            return super().build(cfg, *args, **kwargs)
        supplied = kwargs.get('default_args') or next(iter(args), None) or {}
        items = cfg if isinstance(cfg, list) and self.name == 'model' else [cfg]
        names = [self._check(item, supplied) for item in items]
        with refusals(' and '.join(dict.fromkeys(names)), ImportError):
            return super().build(cfg, *args, **kwargs)

    def _check(self, cfg: Any, supplied: Mapping[str, Any]) -> str:
        """Check a config before it is built, and give the component's name.

        Args:
            supplied: what the caller adds to the config where that is silent.

        Raises:
            ConfigError: see :meth:`build`.
        """
        if not isinstance(cfg, Mapping | Config):
            raise ConfigError(
                f'a {self.name} of the config must be a dict with its type, got {cfg!r}'
            )
        cfg = dict(cfg)
        kind = self.component({**supplied, **cfg})
        if kind is None:
            raise ConfigError(f'a {self.name} of the config has no type: {cfg}')
        if not callable(kind):
            raise ConfigError(
                f'the type of a {self.name} must be its name, got {kind!r} in {cfg}'
            )
        stated = cfg.get('type')
        name = stated if isinstance(stated, str) else name_of(kind)
        # What callers in Python supply themselves and forget is no matter of a config.
        given = [*supplied, *GIVEN.get(self.name, ())]
        refuse(list(check_options(kind, cfg, name, given, TAKEN_OUT.get(self.name))))
        return f'{self.name} {name!r}'

    def parameters(self, cfg: Any) -> Mapping[str, Option]:
        """What the component that ``cfg`` names can be given; nothing if it names none."""
        kind = self.component(cfg)
        return {} if kind is None else signature_of(kind).options

    def component(self, cfg: Any) -> Any:
        """The class or function that ``cfg`` names, by name or itself; None if it names none.

        Raises:
            ConfigError: nothing is registered under the name.
        """
        kind = cfg.get('type') if isinstance(cfg, Mapping) else None
        if isinstance(kind, str):
            scope = cfg.get('_scope_')
            if scope == MMPRETRAIN:
                load_mmpretrain()
            kind = self.get(kind if scope is None or '.' in kind else f'{scope}.{kind}')
        return kind

    def _why_unknown(self, key: str) -> str:
        scope, name = self.split_scope_key(key)
        root = self._get_root_registry()
        registry = self if scope is None else root._search_child(scope)
        if registry is None:
            scopes = sorted({str(root.scope), *root.children, MMPRETRAIN})
            return (
                f'the scope {scope!r} is unknown (there are {", ".join(scopes)}), and nothing of '
                f'this name can be imported{did_you_mean(scope, scopes)}'
            )
        names: set[str] = set()
        while registry is not None:
            names.update(registry.module_dict)
            registry = registry.parent
        if scope is not None:
            # Without the scope, in which all of them are alike.
            near = [known for known in names if did_you_mean(name, [known])]
            name, names = key, {f'{scope}.{known}' for known in near}
        hint = did_you_mean(name, names)
        if not hint and scope is None and len(names) <= FEW:
            hint = f'; there are {", ".join(sorted(names))}'
        return f'no such component is registered{hint}'


def _child(name: str, *locations: str) -> SuggestingRegistry:
    parent = getattr(mmengine_registry, name)
    return SuggestingRegistry(
        parent.name, parent=parent, scope='msvitreid', locations=list(locations)
    )


MODELS = _child('MODELS', 'msvitreid.models')
DATASETS = _child('DATASETS', 'msvitreid.datasets')
TRANSFORMS = _child('TRANSFORMS', 'msvitreid.datasets.transforms')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'msvitreid.datasets.samplers')
METRICS = _child('METRICS', 'msvitreid.evaluation.metrics')
HOOKS = _child('HOOKS', 'msvitreid.engine')
RUNNERS = _child('RUNNERS', 'msvitreid.engine')

LOOPS = _child('LOOPS', 'msvitreid.engine')
EVALUATOR = _child('EVALUATOR')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')
STRATEGIES = _child('STRATEGIES')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS', 'msvitreid.models')
OPTIMIZERS = _child('OPTIMIZERS')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
TASK_UTILS = _child('TASK_UTILS')
VISUALIZERS = _child('VISUALIZERS')
VISBACKENDS = _child('VISBACKENDS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
INFERENCERS = _child('INFERENCERS')
FUNCTIONS = _child('FUNCTIONS')

#: What computes a net; mmengine has no such registry.
BACKENDS = SuggestingRegistry('backend', scope='msvitreid', locations=['msvitreid.deployment'])

#: Where embeddings are stored and searched.
GALLERIES = SuggestingRegistry('gallery', scope='msvitreid', locations=['msvitreid.gallery'])
