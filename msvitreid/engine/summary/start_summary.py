"""What a person wants to check before a run's first step, in about ten lines."""

from __future__ import annotations

import locale
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from msvitreid.datasets.base import ReIDDataset
from msvitreid.datasets.joined import JoinedDataset
from msvitreid.datasets.leaks import leak_warnings
from msvitreid.engine.config.initial_weights import is_timm, pretrained_entries
from msvitreid.engine.distributed.unwrap_model import bare_model
from msvitreid.engine.hooks.inference_net_hook import InferenceNetHook
from msvitreid.engine.hooks.weight_average_hook import WeightAverageHook
from msvitreid.errors import ReIDError
from msvitreid.models.weights.pretrained_part import LOADED_PARTS
from msvitreid.registry import DATASETS
from msvitreid.registry.type_names import own_type
from msvitreid.utils.printable import counted

from . import model_facts
from .learning_rates import BLOCKS, learning_rates, sparkline, starting_rate

FROM_SCRATCH = 'from scratch'

#: What images of each loader are for.
USES = {
    'train_dataloader': 'training',
    'val_dataloader': 'validation',
    'test_dataloader': 'test',
}


def training_summary(runner: Runner) -> str:
    """One line a fact, of a run that is about to train; what is not known is left out."""
    loaders = [('train', runner.train_dataloader)]
    if runner.val_loop is not None:
        loaders.append(('validation', runner.val_dataloader))
    return _table(
        'training',
        model=[model_facts.trained_title(bare_model(runner))],
        weights=[_trained_weights(runner)],
        data=[line for name, loader in loaders for line in _data(loader.dataset, name)],
        warning=list(_leaks(*(loader.dataset for _, loader in loaders))),
        losses=list(filter(None, [model_facts.losses(bare_model(runner))])),
        images=list(_images(runner)),
        batch=_batch(runner),
        length=[_length(runner)],
        lr=list(_rates(runner)),
        averaging=list(_averaging(runner)),
        precision=[_trained_precision(runner)],
        output=[f'{runner.work_dir}, log in {Path(runner.log_dir).name}/'],
    )


def evaluation_summary(runner: Runner, loader: DataLoader) -> str:
    """What is tested on which data, and how."""
    loops = (runner._test_loop, runner._val_loop)
    loop = next((one for one in loops if getattr(one, 'dataloader', None) is loader), None)
    evaluator = getattr(loop, 'evaluator', None)
    return _table(
        'evaluation',
        model=[model_facts.title(bare_model(runner))],
        weights=[_weights(runner)],
        data=_data(loader.dataset, 'test'),
        warning=list(_leaks(_trained_on(runner, loader.dataset), loader.dataset)),
        evaluator=[_metric(metric) for metric in getattr(evaluator, 'metrics', ())],
        precision=[_tested_precision(runner, loop)],
        output=[runner.log_dir],
    )


def _table(title: str, **facts: list[str]) -> str:
    lines = [title]
    for name, texts in facts.items():
        for number, text in enumerate(texts):
            lines.append(f'  {"" if number else name:<10} {text}')
    return '\n'.join(lines)


def _weights(runner: Runner) -> str:
    file = runner._load_from
    if runner._resume and runner._has_loaded:
        start = getattr(runner.train_loop, 'start', 0)
        batch = f', batch {start}' if start else ''
        source = f' from {file}' if file else ''
        return f'resumed{source}, after epoch {runner.epoch}{batch} (step {runner.iter:,})'
    if runner._has_loaded:
        return str(file)
    model = bare_model(runner)
    files = [getattr(model, 'pretrained', None), *_initialized_from(model), *_from_timm(runner)]
    return ', '.join(str(file) for file in files if file) or FROM_SCRATCH


def _trained_weights(runner: Runner) -> str:
    weights = _weights(runner)
    untrained = model_facts.untrained_start(bare_model(runner))
    return f'{weights}; {untrained}' if weights == FROM_SCRATCH and untrained else weights


def _initialized_from(model: nn.Module) -> Iterator[str]:
    """Files that mmengine's ``init_cfg`` names, of the whole or of a part."""
    for name, module in model.named_modules():
        for entry in pretrained_entries(getattr(module, 'init_cfg', None)):
            file = entry['checkpoint']
            text = f'{name}: {file}' if name else file
            report = LOADED_PARTS.get(module, {}).get(file)
            if report is not None:
                text += f' ({len(report.loaded)} of {report.wanted} tensors)'
            yield text


def _from_timm(runner: Runner) -> Iterator[str]:
    """What mmpretrain's wrapper of timm's nets is given, for its nets do not remember it."""
    backbone = (runner.cfg.get('model') or {}).get('backbone') or {}
    if not is_timm(backbone):
        return
    if backbone.get('checkpoint_path'):
        yield f'backbone: {backbone["checkpoint_path"]}'
    elif backbone.get('pretrained') is True:
        yield f"backbone: the library's {backbone.get('model_name', 'weights')}"


def _data(dataset: Any, use: str) -> list[str]:
    dataset = _inner(dataset)
    read = getattr(type(dataset), 'load_data_list', None)
    # Entries that others make may lack what is counted, and a joined dataset has no folder.
    if read is ReIDDataset.load_data_list:
        where = f' ({dataset.find_root()})'
    elif read is JoinedDataset.load_data_list:
        where = ''
    else:
        kind = type(dataset).__name__
        return [f'{kind}, {use}: {len(dataset):,} images{_classes(dataset)}']
    found = dataset.statistics()
    lines = [f'{dataset.name} {split}: {counts}{where}' for split, counts in found.items()]
    return lines + ([f'not read: {dataset.left_out}'] if dataset.left_out else [])


def _inner(dataset: Any) -> Any:
    """The dataset in wrappers that repeat it, or the like."""
    while not isinstance(dataset, ReIDDataset) and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset


def _leaks(train: Any, test: Any = None) -> Iterator[str]:
    """Test images or identities that the net has seen, or that find themselves."""
    train, test = _inner(train), _inner(test)
    if isinstance(test, ReIDDataset) and test.split != 'train':
        yield from leak_warnings(train if isinstance(train, ReIDDataset) else None, test)


def _trained_on(runner: Runner, test: Any) -> Any:
    """The training data of a test on own data, if they are at hand; other sets are not read."""
    config = runner.cfg.get('training_dataset') or {}
    test = _inner(test)
    if not isinstance(test, ReIDDataset) or not test.is_own_data:
        return None
    if own_type(config) != type(test).__name__:
        return None
    try:
        train = DATASETS.build(
            {'data_root': runner.cfg.get('data_root'), **config, 'pipeline': []}
        )
        train.full_init()
    except ReIDError:
        return None
    return train


def _images(runner: Runner) -> Iterator[str]:
    """The size that the net is given, or the sizes, where training and testing differ."""
    sizes = dict(getattr(runner, 'image_sizes', {}))
    uses: dict[str, list[str]] = {}
    for loader, (height, width) in sizes.items():
        uses.setdefault(f'{height}x{width}', []).append(USES[loader])
    if len(uses) == 1:
        yield from uses
    elif uses:
        yield ', '.join(f'{size} in {" and ".join(names)}' for size, names in uses.items())


def _classes(dataset: Any) -> str:
    known = getattr(dataset, 'metainfo', None) or {}
    count = known.get('num_classes') or len(known.get('classes') or ())
    return f', {count:,} classes' if count else ''


def _batch(runner: Runner) -> list[str]:
    batches: Any = runner.train_dataloader.batch_sampler
    # The resumable loop wraps the batch sampler in one of its own.
    size = getattr(getattr(batches, 'batches', batches), 'batch_size', None)
    if size is None:
        return []
    instances = getattr(getattr(batches, 'sampler', None), 'num_instances', None)
    text = f'{size} images'
    if instances:
        text += f' = {size // instances} identities x {instances}'
    if runner.world_size > 1:
        text += f', x {runner.world_size} processes = {size * runner.world_size:,}'
    for name, wrapper in _optimizers(runner):
        window = getattr(wrapper, '_accumulative_counts', 1)
        if window > 1:
            text += f', {window} accumulated' + (f' by {name}' if name else '')
    return [text]


def _length(runner: Runner) -> str:
    loop: Any = runner.train_loop
    if isinstance(loop, IterBasedTrainLoop):
        total, unit = runner.max_iters, 'step'
        text = counted(total, unit)
    else:
        total, unit = runner.max_epochs, 'epoch'
        steps = counted(len(runner.train_dataloader), 'step')
        text = f'{counted(total, unit)} of {steps}'
    if runner.val_loop is None or getattr(loop, 'val_begin', 1) > total:
        return text
    every = runner.val_interval
    if every >= total:
        # Both loops validate at their end, whatever the interval.
        return f'{text}, validation after the last {unit}'
    return f'{text}, validation every {unit if every == 1 else counted(every, unit)}'


def _optimizers(runner: Runner) -> list[tuple[str | None, Any]]:
    wrapper = runner.optim_wrapper
    return list(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else [(None, wrapper)]


def _rates(runner: Runner) -> Iterator[str]:
    """A line an optimizer: its curve drawn small, and the numbers to check."""
    for name, wrapper in _optimizers(runner):
        text = f'{name}: ' if name else ''
        rates = learning_rates(runner, name)
        groups = [starting_rate(group) for group in wrapper.optimizer.param_groups]
        if rates is None:
            text += f'base {max(groups):.3g}; '
        else:
            text += f'{sparkline(rates)}  ' if _can_show(BLOCKS) else ''
            text += f'first {rates[0]:.3g}, highest {max(rates):.3g}, last {rates[-1]:.3g}; '
        text += type(wrapper.optimizer).__name__
        if min(groups) < max(groups):
            lowest, highest = min(groups), max(groups)
            text += f', {len(groups)} groups of {lowest:.3g} to {highest:.3g}'
            text += ', the highest shown' if rates is not None else ''
        if 'ReduceOnPlateau' in str(runner.cfg.get('param_scheduler')):
            text += ', lowered when validation stalls'
        yield text


def _can_show(text: str) -> bool:
    """Whether terminal and log file have these characters."""
    for encoding in (getattr(sys.stdout, 'encoding', None), locale.getpreferredencoding(False)):
        try:
            text.encode(encoding or 'utf-8')
        except UnicodeEncodeError:
            return False
    return True


def _averaging(runner: Runner) -> Iterator[str]:
    for hook in runner.hooks:
        if isinstance(hook, WeightAverageHook):
            first, last = hook.begin, runner.max_epochs
            epochs = f'epochs {first} to {last}' if first < last else f'epoch {last}'
            snapshots = counted(last - first + 1, 'snapshot')
            yield (
                f'uniform mean of the weights after {epochs} ({snapshots}), to {hook.filename}'
            )
        elif isinstance(hook, EMAHook):
            begin = (
                f'epoch {hook.begin_epoch}' if hook.begin_epoch else f'step {hook.begin_iter}'
            )
            momentum = getattr(hook.ema_model, 'momentum', None)
            share = f', decay {1 - momentum:g}' if momentum is not None else ''
            yield f'{type(hook.ema_model).__name__} from {begin} on{share}'


def _metric(metric: Any) -> str:
    ap = getattr(metric, 'ap', None)
    return type(metric).__name__ + (f', {ap} AP' if isinstance(ap, str) else '')


def _trained_precision(runner: Runner) -> str:
    kinds = []
    for _, wrapper in _optimizers(runner):
        is_amp = isinstance(wrapper, AmpOptimWrapper)
        kinds.append(_amp(runner, wrapper.cast_dtype) if is_amp else 'float32')
    return _on_device(runner, ' and '.join(dict.fromkeys(kinds)))


def _tested_precision(runner: Runner, loop: Any) -> str:
    for hook in runner.hooks:
        if isinstance(hook, InferenceNetHook) and hook.backend.device is not None:
            return f'{hook.name}, on {hook.backend.device}'
    return _on_device(runner, _amp(runner) if getattr(loop, 'fp16', False) else 'float32')


def _amp(runner: Runner, dtype: torch.dtype | None = None) -> str:
    dtype = dtype or torch.get_autocast_dtype(_device(runner).type)
    return f'{str(dtype).removeprefix("torch.")} (AMP)'


def _on_device(runner: Runner, kind: str) -> str:
    device = _device(runner)
    compiled = runner.cfg.get('compile') not in (None, False)
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type.upper()
    return kind + (', backbone compiled' if compiled else '') + f', on {name}'


def _device(runner: Runner) -> torch.device:
    return next(bare_model(runner).parameters()).device
