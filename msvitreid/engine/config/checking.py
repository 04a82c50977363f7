"""Everything that is wrong with a config, found before anything is built or read."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader

from msvitreid import registry
from msvitreid.registry.components import (
    Problem,
    check_options,
    check_values,
    join,
    refuse,
    signature_of,
)
from msvitreid.registry.tree import check_component, check_each, resolve_type

from .default_hooks import DEFAULT_HOOKS, OF_MMENGINE
from .pipelines import copied, resolve
from .sections import (
    DIST_OPTIONS,
    ENVIRONMENT_OPTIONS,
    GROUPS,
    LOADER_OPTIONS,
    PROCESS_OPTIONS,
    RUNNER_OPTIONS,
    Seed,
)

#: How alike a misspelt name is to the name that was meant; variables are less alike.
NEAR = 0.8

#: What to do instead of a validation after no epoch.
WITHOUT_VALIDATION = (
    'val_dataloader=None val_cfg=None val_evaluator=None train without validation'
)


def check_config(cfg: Config | Mapping[str, Any], of_run: bool = False) -> None:
    """Check names and values of a whole config against the components that it names.

    Every ``type`` is looked up in its registry, its options are bound to the component's
    signature, and their values are compared with its annotations. mmengine's hooks, loops,
    samplers and schedulers and components of other packages are checked alike. An object may
    stand where the config of one is expected; ``None`` stands for a section that is absent.

    Args:
        cfg: the config.
        of_run: whether a run starts with just these sections, so that training, validation and
            test are each stated whole or not at all.

    Raises:
        ConfigError: something is wrong; the sentence lists all problems, each with its key path,
            and near names.
    """
    completed = copied(cfg)
    # What the top level states is checked as its components get it, and reported where it stands.
    sources = resolve(completed)
    found = [*problems_of(completed), *(_incomplete(completed) if of_run else ())]
    problems = [_at_source(problem, sources) for problem in found]
    refuse(list(dict.fromkeys(problems)))


def _at_source(problem: Problem, sources: Mapping[str, str]) -> Problem:
    for filled, source in sources.items():
        below = problem.path.removeprefix(filled)
        if below != problem.path and below[:1] in ('', '.', '['):
            return problem._replace(path=source + below)
    return problem


def problems_of(cfg: Config | Mapping[str, Any]) -> Iterator[Problem]:
    """What :func:`check_config` reports."""
    found = list(_section_problems(cfg))
    named = {problem.path for problem in found}
    yield from found
    for name in cfg:
        yield from (nan for nan in _nan(cfg[name], name) if nan.path not in named)


def _section_problems(cfg: Config | Mapping[str, Any]) -> Iterator[Problem]:
    yield from _top_level(cfg)
    yield from check_component(registry.MODELS, cfg.get('model'), 'model')
    for phase, loop in (('train', None), ('val', 'ValLoop'), ('test', 'TestLoop')):
        yield from _loader(cfg.get(f'{phase}_dataloader'), f'{phase}_dataloader')
        yield from _loop(cfg.get(f'{phase}_cfg'), f'{phase}_cfg', loop)
        yield from _evaluator(cfg.get(f'{phase}_evaluator'), f'{phase}_evaluator')
    yield from _optim_wrapper(cfg.get('optim_wrapper'), 'optim_wrapper')
    yield from _schedulers(cfg.get('param_scheduler'), 'param_scheduler')
    yield from _default_hooks(cfg.get('default_hooks'))
    yield from check_each(registry.HOOKS, cfg.get('custom_hooks'), 'custom_hooks')
    yield from check_component(registry.VISUALIZERS, cfg.get('visualizer'), 'visualizer')
    logs = cfg.get('log_processor')
    yield from check_component(registry.LOG_PROCESSORS, logs, 'log_processor', 'LogProcessor')
    randomness = cfg.get('randomness')
    if isinstance(randomness, Mapping):
        others = {'seed': Seed | None}
        yield from check_options(
            Runner.set_randomness, randomness, 'randomness', ('seed',), others
        )
    yield from _environment(cfg.get('env_cfg'))


def _nan(node: Any, path: str) -> Iterator[Problem]:
    """NaN in any option: torch's constructors, which compare it, take it."""
    if isinstance(node, float) and math.isnan(node):
        yield Problem(path, 'NaN is not a number, state one')
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from _nan(value, join(path, str(key)))
    elif isinstance(node, list | tuple):
        for position, value in enumerate(node):
            yield from _nan(value, join(path, position))


def _top_level(cfg: Config | Mapping[str, Any]) -> Iterator[Problem]:
    """The sections' kinds, and names that nothing reads but are near to one that is read.

    Other names are variables of the config.
    """
    sections = {
        name: option.annotation for name, option in signature_of(Runner).options.items()
    }
    known = {**sections, **RUNNER_OPTIONS}
    stated = {name: cfg[name] for name in known if cfg.get(name) is not None}
    for problem in check_values(known, stated, ''):
        # What is below a section is checked by what takes it.
        if problem.path in sections or re.split(r'[.[]', problem.path)[0] in RUNNER_OPTIONS:
            yield problem
    for name in cfg:
        near = [] if name in known else difflib.get_close_matches(name.lower(), known, 1, NEAR)
        if near:
            yield Problem(
                name,
                f'nothing reads this name, did you mean {near[0]!r}? Otherwise give this variable '
                'another name',
            )
    yield from _compile(cfg.get('compile'))


def _incomplete(cfg: Config | Mapping[str, Any]) -> Iterator[Problem]:
    """What the sections of a run lack of each other."""
    for group in GROUPS:
        stated = [name for name in group if cfg.get(name) is not None]
        for name in group if stated else ():
            if cfg.get(name) is None:
                text = f'is None and {" and ".join(stated)} not: state all of them or none'
                yield Problem(name, text)
    # A test has no training; where a run is resumed, its checkpoint fills the whole net.
    begins = cfg.get('train_cfg') and not cfg.get('resume')
    if begins and cfg.get('load_except') and not cfg.get('load_from'):
        text = 'has no effect without load_from: name the checkpoint to start from'
        yield Problem('load_except', text)


def _loader(node: Any, path: str) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    yield from check_options(DataLoader, node, path, ('dataset',), LOADER_OPTIONS)
    if node.get('dataset') is None:
        yield Problem(join(path, 'dataset'), 'a loader needs this option')
    parts = {
        'dataset': registry.DATASETS,
        'sampler': registry.DATA_SAMPLERS,
        'batch_sampler': registry.DATA_SAMPLERS,
        'collate_fn': registry.FUNCTIONS,
    }
    for name, kinds in parts.items():
        part = node.get(name)
        if isinstance(part, str | int | float | list):
            text = f'expected a dict with its type, got {part!r}'
            yield Problem(join(path, name), text)
        if name == 'collate_fn' and isinstance(part, Mapping):
            yield from resolve_type(kinds, part, part.get('type'), join(path, name))
        else:
            yield from check_component(kinds, part, join(path, name))


def _loop(node: Any, path: str, default: str | None) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    by_epoch = 'EpochBasedTrainLoop' if node.get('by_epoch') else 'IterBasedTrainLoop'
    if default is None and 'type' not in node and 'by_epoch' not in node:
        yield Problem(path, 'needs by_epoch=True or False, or a type')
        return
    for problem in check_component(registry.LOOPS, node, path, default or by_epoch):
        if problem.path == 'train_cfg.val_interval':
            problem = problem._replace(text=f'{problem.text}; {WITHOUT_VALIDATION}')
        yield problem


def _evaluator(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, Mapping) and 'metrics' in node:
        yield from check_component(
            registry.EVALUATOR, {**node, 'metrics': []}, path, 'Evaluator'
        )
        yield from _evaluator(node['metrics'], join(path, 'metrics'))
    elif isinstance(node, Mapping):
        yield from check_component(registry.METRICS, node, path)
    else:
        yield from check_each(registry.METRICS, node, path)


def _optim_wrapper(node: Any, path: str) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    constructor = node.get('constructor')
    if isinstance(constructor, str):
        kinds = registry.OPTIM_WRAPPER_CONSTRUCTORS
        yield from resolve_type(kinds, {}, constructor, join(path, 'constructor'))
    yield from check_component(registry.OPTIM_WRAPPERS, node, path, 'OptimWrapper')


def _schedulers(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, Mapping) and node and 'type' not in node:
        # Of several optimizers, by their names.
        for name, schedulers in node.items():
            yield from _schedulers(schedulers, join(path, name))
    elif isinstance(node, Mapping):
        yield from check_component(registry.PARAM_SCHEDULERS, node, path)
    else:
        yield from check_each(registry.PARAM_SCHEDULERS, node, path)


def _default_hooks(hooks: Any) -> Iterator[Problem]:
    if not isinstance(hooks, Mapping):
        return
    for name, hook in hooks.items():
        path = join('default_hooks', name)
        known = (*OF_MMENGINE, *DEFAULT_HOOKS)
        near = difflib.get_close_matches(name, known, 1, NEAR)
        if near and name not in known:
            yield Problem(path, f'no default hook has this name, did you mean {near[0]!r}?')
        elif hook is None:
            continue
        elif not isinstance(hook, Mapping | Hook):
            yield Problem(path, f'expected a dict with its type, got {hook!r}')
        else:
            yield from check_component(registry.HOOKS, hook, path)


def _environment(node: Any) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    yield from check_values(ENVIRONMENT_OPTIONS, node, 'env_cfg', 'env_cfg')
    options = node.get('dist_cfg')
    if isinstance(options, Mapping):
        yield from check_values(DIST_OPTIONS, options, 'env_cfg.dist_cfg', 'env_cfg.dist_cfg')
    options = node.get('mp_cfg')
    if isinstance(options, Mapping):
        yield from check_values(PROCESS_OPTIONS, options, 'env_cfg.mp_cfg', 'env_cfg.mp_cfg')


def _compile(options: Any) -> Iterator[Problem]:
    if not isinstance(options, Mapping):
        return
    try:
        # It looks at them at once, and compiles nothing before the first call.
        nn.Identity().compile(**options)
    except Exception as error:
        # Which kind it raises depends on the option and the backend.
        reason = ' '.join(str(error).split())[:300]
        yield Problem('compile', f'torch.compile refuses {options!r} ({reason})')
