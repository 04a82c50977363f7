"""What makes a run the experiment that it is: the options and data that its weights come from."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmengine.runner import Runner

from msvitreid.datasets.listing_digest import listing_digest
from msvitreid.engine.config.pipelines import resolved
from msvitreid.errors import ConfigError
from msvitreid.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    MODELS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
)
from msvitreid.utils.config_diff import flat

#: Where the components of each section that shapes the weights are registered.
SECTIONS: dict[str, tuple[Registry, ...]] = {
    'model': (MODELS,),
    'train_dataloader': (DATASETS, TRANSFORMS, DATA_SAMPLERS),
    'optim_wrapper': (OPTIM_WRAPPERS, OPTIMIZERS),
    'param_scheduler': (PARAM_SCHEDULERS,),
    'train_cfg': (LOOPS,),
    'auto_scale_lr': (),
    'sync_bn': (),
    'efficient_conv_bn_eval': (),
}

#: Where files lie and what was loaded at the start: the data's digest and the weights count.
LOCATIONS = ('data_root', 'data_prefix', 'ann_file', 'csv', 'checkpoint_path')
INITIAL = ('pretrained', 'init_cfg')

#: How fast images come, which changes none of them.
LOADING = (
    'num_workers',
    'persistent_workers',
    'pin_memory',
    'prefetch_factor',
    'timeout',
    'multiprocessing_context',
    'serialize_data',
    'lazy_init',
)

#: Keys of a section, at any depth, with which the weights stay the same.
WITHOUT_EFFECT: dict[str, tuple[str, ...]] = {
    'model': (
        *INITIAL,
        'checkpoint_path',
        'with_cp',
        'attention_kernel',
        'grouped_conv_kernel',
        'num_classes',
    ),
    'train_dataloader': (*LOCATIONS, *LOADING, 'on_count_mismatch', 'metainfo'),
    'optim_wrapper': ('foreach', 'fused', 'capturable'),
    'param_scheduler': ('verbose',),
    'train_cfg': ('val_begin', 'val_interval', 'dynamic_intervals'),
}

#: Sections that the processes of a run may differ in, as may any key of ``LOADING`` and so on.
OF_A_MACHINE = (
    'work_dir',
    'env_cfg',
    'visualizer',
    'vis_backends',
    'log_level',
    'log_processor',
    'experiment_name',
    'local_rank',
    'load_from',
    'resume',
)


class Options(NamedTuple):
    """Options by dotted name as text, and the names of those that no config states."""

    values: dict[str, str]
    defaults: frozenset[str] = frozenset()


def experiment_options(runner: Runner) -> Options:
    """What of a run's config, data and processes its weights depend on, defaults included.

    Of custom hooks those count that keep a state in checkpoints, such as averages of weights.
    """
    values: dict[str, Any] = {}
    defaults: set[str] = set()
    cfg = resolved(runner.cfg)
    for section, registries in SECTIONS.items():
        node = cfg.get(section)
        if section == 'train_cfg':
            node = _with_loop_type(node)
        if section == 'param_scheduler' and isinstance(node, Mapping) and 'type' in node:
            node = [node]
        ignored = WITHOUT_EFFECT.get(section, ())
        _collect({section: node}, registries, ignored, values, defaults)
    for hook in runner.cfg.get('custom_hooks') or ():
        kind = _component(hook, (HOOKS,))
        if kind is not None and _keeps_state(kind):
            _collect({kind.__name__: hook}, (HOOKS,), (), values, defaults)
    # The runner fills it in from the loader.
    values.pop('train_dataloader.sampler.batch_size', None)
    values['processes'] = runner.world_size
    if cfg.get('prepare_on_device'):
        values['prepare_on_device'] = True  # gray levels differ by 1
    texts = {name: _text(value) for name, value in values.items()}
    data = listing_digest(runner.train_dataloader.dataset)
    texts |= {f'training data.{name}': text for name, text in data.items()}
    return Options(texts, frozenset(defaults))


def shared_options(cfg: Mapping[str, Any]) -> dict[str, str]:
    """What all processes of a run must have in common of their configs."""
    ignored = (*LOCATIONS, *INITIAL, *LOADING)
    return {
        name: _text(value)
        for name, value in flat(cfg).items()
        if name.split('.')[0] not in OF_A_MACHINE and not _has_part(name, ignored)
    }


def _collect(
    tree: Mapping[str, Any],
    registries: tuple[Registry, ...],
    ignored: Iterable[str],
    values: dict[str, Any],
    defaults: set[str],
) -> None:
    """Add the options of a config's part, and the defaults of those that it leaves out."""
    for name, value in flat(tree).items():
        if not _has_part(name, ignored):
            values[name] = value
    for path, node in _components(tree):
        kind = _component(node, registries)
        if kind is None:
            continue
        if not _has_part(path, ignored):
            values[f'{path}.type'] = kind.__name__
        for key, default in _plain_defaults(kind):
            name = f'{path}.{key}'
            if key not in node and not _has_part(name, ignored):
                values[name] = default
                defaults.add(name)


def _components(tree: Any, path: str = '') -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dict with a type, by its dotted name."""
    if isinstance(tree, Mapping):
        if 'type' in tree:
            yield path, tree
        children: Iterable[tuple[Any, Any]] = tree.items()
    elif isinstance(tree, list | tuple):
        children = enumerate(tree)
    else:
        return
    for key, child in children:
        yield from _components(child, f'{path}.{key}' if path else str(key))


def _component(node: Any, registries: tuple[Registry, ...]) -> Any:
    """The class that a config's part names; ``None`` if it is not in these registries."""
    kind = node.get('type') if isinstance(node, Mapping) else None
    if not isinstance(kind, str):
        return kind
    for registry in registries:
        try:
            return registry.get(kind)
        except ConfigError:
            continue
    return None


def _plain_defaults(kind: Any) -> Iterator[tuple[str, Any]]:
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):
        return
    for parameter in parameters:
        if parameter.default is not parameter.empty:
            yield parameter.name, parameter.default


def _keeps_state(kind: Any) -> bool:
    return getattr(kind, 'before_save_checkpoint', None) is not Hook.before_save_checkpoint


def _with_loop_type(node: Any) -> Any:
    """Both ways to name the loop as one: ``by_epoch`` is short for mmengine's or ours."""
    if not isinstance(node, Mapping) or 'by_epoch' not in node:
        return node
    rest = {key: value for key, value in node.items() if key != 'by_epoch'}
    kind = 'ResumableTrainLoop' if node['by_epoch'] else 'IterBasedTrainLoop'
    return {'type': kind, **rest}


def _has_part(name: str, parts: Iterable[str]) -> bool:
    return not set(parts).isdisjoint(name.split('.'))


def _text(value: Any) -> str:
    """A value alike in every process: lists and tuples are one, objects are their class."""
    if isinstance(value, list | tuple):
        return f'[{", ".join(_text(item) for item in value)}]'
    if isinstance(value, Mapping):
        return f'{{{", ".join(f"{key}: {_text(item)}" for key, item in value.items())}}}'
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    return getattr(value, '__qualname__', type(value).__qualname__)
