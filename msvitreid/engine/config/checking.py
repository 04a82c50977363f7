"""Everything that is wrong with a config, found before anything is built or read."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple

from annotated_types import Ge, Gt, Le, Lt
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmengine.runner import BaseLoop, LogProcessor, Runner
from torch import nn
from torch.utils.data import DataLoader

from msvitreid import registry
from msvitreid.errors import ConfigError
from msvitreid.registry.components import (
    GIVEN,
    NOT_OPTIONS,
    TAKEN_OUT,
    Count,
    CountOrZero,
    Problem,
    check_options,
    check_values,
    join,
    refuse,
    signature_of,
)

from .pipelines import copied, resolve

PACKAGE = __name__.partition('.')[0]
#: How alike a misspelt name is to the name that was meant; variables are less alike.
NEAR = 0.85

#: NumPy takes none above.
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]

#: Python's names of logging levels, and numbers.
Level = Literal['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET'] | CountOrZero

#: Seconds to wait for another process.
Timeout = Annotated[float, Gt(0), Lt(timedelta.max.total_seconds())]

#: Top-level options that our runner, mmengine's and its config reader look up by themselves, and
#: sections that mmengine's annotations describe too narrowly.
RUNNER_OPTIONS: dict[str, Any] = {
    'accept_changes': bool | str | Sequence[str] | None,
    'activation_checkpointing': Any,
    'compile': bool | dict,
    'custom_imports': dict,
    'data_root': str | None,
    'default_scope': str,
    'efficient_conv_bn_eval': Any,
    'find_unused_parameters': bool | None,
    'image_size': Sequence[Count] | None,
    'load_except': str | Sequence[str] | None,
    'log_level': Level,
    'log_processor': dict | LogProcessor,
    'model_wrapper_cfg': dict | None,
    'on_count_mismatch': Literal['error', 'warn', 'ignore'],
    'runner_type': Any,
    'sync_bn': Literal['torch', False] | None,
    'test_pipeline': Sequence | None,
    'train_pipeline': Sequence | None,
    'work_dir': str | os.PathLike,
    **dict.fromkeys(('train_cfg', 'val_cfg', 'test_cfg'), dict | BaseLoop),
}

#: Sections that are all stated or none.
GROUPS = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)

#: Options of a loader that mmengine takes out before torch's ``DataLoader`` is built.
LOADER_OPTIONS: dict[str, Any] = {
    'batch_size': Count,
    'batch_sampler': Any,
    'collate_fn': Any,
    'dataset': Any,
    'disable_subprocess_warning': bool,
    'num_batch_per_epoch': Count | None,
    'num_workers': CountOrZero,
    'sampler': Any,
    'worker_init_fn': Any,
}

#: Names that mmengine looks up in ``env_cfg.dist_cfg`` and passes on.
DIST_OPTIONS: dict[str, Any] = {
    'backend': str,
    'init_backend': str,
    'port': int | str,
    'timeout': Timeout,
}

#: Options of ``env_cfg.mp_cfg``.
PROCESS_OPTIONS: dict[str, Any] = {
    'mp_start_method': Literal['fork', 'forkserver', 'spawn'],
    'opencv_num_threads': int,
}

#: Options of ``env_cfg``.
ENVIRONMENT_OPTIONS: dict[str, Any] = {
    'cudnn_benchmark': bool,
    'dist_cfg': dict | None,
    'mp_cfg': dict | None,
    'resource_limit': int,
}

#: Registries of what stands below these options of any component; all others are of the
#: component's own registry.
NESTED: dict[str, Registry] = {
    'dataset': registry.DATASETS,
    'datasets': registry.DATASETS,
    'init_cfg': registry.WEIGHT_INITIALIZERS,
    'optimizer': registry.OPTIMIZERS,
    'pipeline': registry.TRANSFORMS,
    'transforms': registry.TRANSFORMS,
    'vis_backends': registry.VISBACKENDS,
}

#: What to do instead of a validation after no epoch.
WITHOUT_VALIDATION = (
    'val_dataloader=None val_cfg=None val_evaluator=None train without validation'
)

#: mmengine's default hooks, which a config may configure without naming their type.
DEFAULT_HOOKS = (
    'checkpoint',
    'logger',
    'param_scheduler',
    'runtime_info',
    'sampler_seed',
    'timer',
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
    yield from _top_level(cfg)
    yield from _component(registry.MODELS, cfg.get('model'), 'model')
    for phase, loop in (('train', None), ('val', 'ValLoop'), ('test', 'TestLoop')):
        yield from _loader(cfg.get(f'{phase}_dataloader'), f'{phase}_dataloader')
        yield from _loop(cfg.get(f'{phase}_cfg'), f'{phase}_cfg', loop)
        yield from _evaluator(cfg.get(f'{phase}_evaluator'), f'{phase}_evaluator')
    yield from _optim_wrapper(cfg.get('optim_wrapper'), 'optim_wrapper')
    yield from _schedulers(cfg.get('param_scheduler'), 'param_scheduler')
    yield from _default_hooks(cfg.get('default_hooks'))
    yield from _each(registry.HOOKS, cfg.get('custom_hooks'), 'custom_hooks')
    yield from _component(registry.VISUALIZERS, cfg.get('visualizer'), 'visualizer')
    logs = cfg.get('log_processor')
    yield from _component(registry.LOG_PROCESSORS, logs, 'log_processor', 'LogProcessor')
    randomness = cfg.get('randomness')
    if isinstance(randomness, Mapping):
        others = {'seed': Seed | None}
        yield from check_options(
            Runner.set_randomness, randomness, 'randomness', ('seed',), others
        )
    yield from _environment(cfg.get('env_cfg'))


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
        near = [] if name in known else difflib.get_close_matches(name, known, 1, NEAR)
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


def _component(
    kinds: Registry,
    node: Any,
    path: str,
    default: str | type | None = None,
    taken_out: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    """A component's config and those of the components below it.

    Args:
        taken_out: options that the component above takes out before it builds this one.
    """
    if not isinstance(node, Mapping):
        # Built objects, and what the sections' annotations have reported, are passed over.
        return
    kind = node.get('type', default)
    component = yield from _resolve(kinds, node, kind, path)
    if component is None:
        return
    options = {key: value for key, value in node.items() if key not in NOT_OPTIONS}
    others = {**TAKEN_OUT.get(kinds.name, {}), **(taken_out or {})}
    given: Sequence[str] = GIVEN.get(kinds.name, ())
    if kinds is registry.MODELS:
        # A part of a net may get from the part around it what its config leaves out.
        given = sorted(signature_of(component).required)
    yield from check_options(component, options, path, given, others)
    for name, value in options.items():
        strict = _is_ours(component) or name in NESTED
        above = _Above(strict, kind, getattr(component, 'member_options', {}).get(name))
        yield from _below(NESTED.get(name, kinds), value, join(path, name), above)


def _resolve(
    kinds: Registry, node: Mapping[str, Any], kind: Any, path: str
) -> Generator[Problem, None, Any]:
    if kind is None:
        yield Problem(path, f'has no type; a {kinds.name} is a dict with its type')
    elif isinstance(kind, str):
        scope = node.get('_scope_')
        try:
            return kinds.get(kind if scope is None or '.' in kind else f'{scope}.{kind}')
        except ConfigError as error:
            yield Problem(join(path, 'type'), str(error))
    elif callable(kind):
        return kind
    else:
        yield Problem(join(path, 'type'), f'expected a name or a class, got {kind!r}')
    return None


class _Above(NamedTuple):
    """The component above.

    Attributes:
        strict: whether a type that nobody knows is a problem; options of other packages'
            components may have a ``type`` that names no component.
        kind: its type.
        taken_out: options that it takes out of the configs below this option: the class
            attribute ``member_options`` says so.
    """

    strict: bool
    kind: Any
    taken_out: Mapping[str, Any] | None


def _below(kinds: Registry, value: Any, path: str, above: _Above) -> Iterator[Problem]:
    """Components inside an option's value."""
    if isinstance(value, Mapping) and 'type' in value:
        kind = value['type']
        scope, _, _ = str(above.kind).rpartition('.')
        if isinstance(kind, str) and not _exists(kinds, kind):
            if scope and _exists(kinds, f'{scope}.{kind}'):
                value = {**value, 'type': f'{scope}.{kind}'}
            elif not above.strict:
                return
        yield from _component(kinds, value, path, taken_out=above.taken_out)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            inner = above._replace(strict=False)
            yield from _below(NESTED.get(key, kinds), item, join(path, key), inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _below(kinds, item, join(path, index), above)


def _exists(kinds: Registry, kind: str) -> bool:
    try:
        return kinds.get(kind) is not None
    except ConfigError:
        return False


def _is_ours(component: Any) -> bool:
    return str(getattr(component, '__module__', '')).partition('.')[0] == PACKAGE


def _each(kinds: Registry, nodes: Any, path: str) -> Iterator[Problem]:
    if isinstance(nodes, list | tuple):
        for index, node in enumerate(nodes):
            if isinstance(node, str | int | float | list | None):
                yield Problem(join(path, index), f'expected a dict with its type, got {node!r}')
            yield from _component(kinds, node, join(path, index))


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
            yield from _resolve(kinds, part, part.get('type'), join(path, name))
        else:
            yield from _component(kinds, part, join(path, name))


def _loop(node: Any, path: str, default: str | None) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    by_epoch = 'EpochBasedTrainLoop' if node.get('by_epoch') else 'IterBasedTrainLoop'
    if default is None and 'type' not in node and 'by_epoch' not in node:
        yield Problem(path, 'needs by_epoch=True or False, or a type')
        return
    for problem in _component(registry.LOOPS, node, path, default or by_epoch):
        if problem.path == 'train_cfg.val_interval':
            problem = problem._replace(text=f'{problem.text}; {WITHOUT_VALIDATION}')
        yield problem


def _evaluator(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, Mapping) and 'metrics' in node:
        yield from _component(registry.EVALUATOR, {**node, 'metrics': []}, path, 'Evaluator')
        yield from _evaluator(node['metrics'], join(path, 'metrics'))
    elif isinstance(node, Mapping):
        yield from _component(registry.METRICS, node, path)
    else:
        yield from _each(registry.METRICS, node, path)


def _optim_wrapper(node: Any, path: str) -> Iterator[Problem]:
    if not isinstance(node, Mapping):
        return
    constructor = node.get('constructor')
    if isinstance(constructor, str):
        kinds = registry.OPTIM_WRAPPER_CONSTRUCTORS
        yield from _resolve(kinds, {}, constructor, join(path, 'constructor'))
    yield from _component(registry.OPTIM_WRAPPERS, node, path, 'OptimWrapper')


def _schedulers(node: Any, path: str) -> Iterator[Problem]:
    if isinstance(node, Mapping) and node and 'type' not in node:
        # Of several optimizers, by their names.
        for name, schedulers in node.items():
            yield from _schedulers(schedulers, join(path, name))
    elif isinstance(node, Mapping):
        yield from _component(registry.PARAM_SCHEDULERS, node, path)
    else:
        yield from _each(registry.PARAM_SCHEDULERS, node, path)


def _default_hooks(hooks: Any) -> Iterator[Problem]:
    if not isinstance(hooks, Mapping):
        return
    for name, hook in hooks.items():
        path = join('default_hooks', name)
        near = difflib.get_close_matches(name, DEFAULT_HOOKS, 1, NEAR)
        if near and name not in DEFAULT_HOOKS:
            yield Problem(path, f'no default hook has this name, did you mean {near[0]!r}?')
        elif hook is None:
            continue
        elif not isinstance(hook, Mapping | Hook):
            yield Problem(path, f'expected a dict with its type, got {hook!r}')
        else:
            yield from _component(registry.HOOKS, hook, path)


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
