"""What a person wants to check before a run's first step, in about ten lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from msvitreid.datasets.base import ReIDDataset, innermost
from msvitreid.datasets.joined import JoinedDataset
from msvitreid.datasets.leaks import leak_warnings
from msvitreid.engine.config.completion import fill_shared_options
from msvitreid.engine.config.initial_weights import is_timm, pretrained_entries
from msvitreid.engine.distributed.unwrap_model import unwrap_model
from msvitreid.engine.hooks.inference_net_hook import InferenceNetHook
from msvitreid.errors import ReIDError
from msvitreid.models.weights.pretrained_part import LOADED_PARTS
from msvitreid.registry import DATASETS
from msvitreid.registry.refusals import refusals
from msvitreid.registry.type_names import own_type
from msvitreid.utils.printable import counted

from .learning_rates import learning_rates, starting_rate
from .model_facts import losses, title

#: What images of each loader are for.
USES = {
    'train_dataloader': 'training',
    'val_dataloader': 'validation',
    'test_dataloader': 'test',
}


def training_summary(runner: Runner) -> str:
    """One line a fact, of a run that is about to train; what is not known is left out."""
    train = innermost(runner.train_dataloader.dataset)
    test = None if runner.val_loop is None else innermost(runner.val_dataloader.dataset)
    amp = {w.cast_dtype for w in _optimizers(runner).values() if isinstance(w, AmpOptimWrapper)}
    facts = {
        'model': [title(unwrap_model(runner), trains=True)],
        'weights': [_weights(runner)],
        'data': [*_data(train, 'train'), *_data(test, 'validation')],
        'warning': _leaks(train, test),
        'losses': [', '.join(losses(unwrap_model(runner)))],
        'images': _images(runner),
        'batch': [_batch(runner)],
        'length': [_length(runner)],
        'lr': [_rates(runner, name, w.optimizer) for name, w in _optimizers(runner).items()],
        'averaging': _averaging(runner),
        'precision': [_precision(runner, *amp)],
        'output': [f'{runner.work_dir}, log in {Path(runner.log_dir).name}/'],
    }
    return _table('training', facts)


def evaluation_summary(runner: Runner, loader: DataLoader[Any]) -> str:
    """What is tested on which data, and how."""
    loops: Any = (runner._test_loop, runner._val_loop)
    loop = next((one for one in loops if getattr(one, 'dataloader', None) is loader), None)
    metrics = getattr(getattr(loop, 'evaluator', None), 'metrics', ())
    test = innermost(loader.dataset)
    nets = [hook for hook in runner.hooks if isinstance(hook, InferenceNetHook)]
    elsewhere = [f'{net.name}, on {net.backend.device}' for net in nets if net.backend.device]
    amp = [None] if getattr(loop, 'fp16', False) else []
    facts = {
        'model': [title(unwrap_model(runner))],
        'weights': [_weights(runner)],
        'data': _data(test, 'test'),
        'warning': _leaks(_trained_on(runner, test), test),
        'evaluator': [
            type(metric).__name__ + (f', {metric.ap} AP' if hasattr(metric, 'ap') else '')
            for metric in metrics
        ],
        'precision': elsewhere or [_precision(runner, *amp)],
        'output': [runner.log_dir],
    }
    return _table('evaluation', facts)


def _table(heading: str, facts: Mapping[str, Iterable[str]]) -> str:
    lines = [heading]
    for name, texts in facts.items():
        known = enumerate(filter(None, texts))
        lines += [f'  {"" if number else name:<10} {text}' for number, text in known]
    return '\n'.join(lines)


def _weights(runner: Runner) -> str:
    if runner._resume and runner._has_loaded:
        start = getattr(runner.train_loop, 'start', 0)
        batch = f', batch {start}' if start else ''
        return f'resumed from {runner._load_from} after epoch {runner.epoch}{batch}'
    if runner._has_loaded:
        return str(runner._load_from)
    return ', '.join(_initial_weights(runner)) or 'from scratch'


def _initial_weights(runner: Runner) -> Iterator[str]:
    """Files of ``model.pretrained``, of ``init_cfg`` and of timm's nets."""
    model = unwrap_model(runner)
    if getattr(model, 'pretrained', None):
        yield str(model.pretrained)
    for name, module in model.named_modules():
        for entry in pretrained_entries(getattr(module, 'init_cfg', None)):
            file = entry['checkpoint']
            report = LOADED_PARTS.get(module, {}).get(file)
            count = f' ({len(report.loaded)} of {report.wanted} tensors)' if report else ''
            yield f'{name}: {file}{count}' if name else f'{file}{count}'
    # timm's nets do not remember what they were given.
    backbone = (runner.cfg.get('model') or {}).get('backbone') or {}
    if is_timm(backbone) and (backbone.get('checkpoint_path') or backbone.get('pretrained')):
        yield f'backbone: {backbone.get("checkpoint_path") or "timm"}'


def _data(dataset: Any, use: str) -> list[str]:
    if dataset is None:
        return []
    read = getattr(type(dataset), 'load_data_list', None)
    # Entries that others make may lack what is counted, and a joined dataset has no folder.
    if read not in (ReIDDataset.load_data_list, JoinedDataset.load_data_list):
        known = getattr(dataset, 'metainfo', None) or {}
        count = known.get('num_classes') or len(known.get('classes') or ())
        classes = f', {count:,} classes' if count else ''
        return [f'{type(dataset).__name__}, {use}: {len(dataset):,} images{classes}']
    where = f' ({dataset.find_root()})' if read is ReIDDataset.load_data_list else ''
    found = dataset.statistics()
    lines = [f'{dataset.name} {split}: {counts}{where}' for split, counts in found.items()]
    return lines + ([f'not read: {dataset.left_out}'] if dataset.left_out else [])


def _leaks(train: Any, test: Any) -> list[str]:
    """Test images or identities that the net has seen, or that find themselves."""
    if not isinstance(test, ReIDDataset) or test.split == 'train':
        return []
    return list(leak_warnings(train if isinstance(train, ReIDDataset) else None, test))


def _trained_on(runner: Runner, test: Any) -> Any:
    """The training data of a test on own data, if they are at hand; other sets are not read."""
    config = runner.cfg.get('training_dataset') or {}
    own = isinstance(test, ReIDDataset) and test.is_own_data
    if not own or own_type(config) != type(test).__name__:
        return None
    try:
        config = {**config, 'pipeline': []}
        fill_shared_options(config, runner.cfg)
        train = DATASETS.build(config)
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


def _batch(runner: Runner) -> str:
    batches: Any = runner.train_dataloader.batch_sampler
    # The resumable loop wraps the batch sampler in one of its own.
    batches = getattr(batches, 'batches', batches)
    size = getattr(batches, 'batch_size', None)
    if size is None:
        return ''
    text = f'{size} images'
    if instances := getattr(getattr(batches, 'sampler', None), 'num_instances', None):
        text += f' = {size // instances} identities x {instances}'
    if runner.world_size > 1:
        text += f', x {runner.world_size} processes = {size * runner.world_size:,}'
    windows = {getattr(w, '_accumulative_counts', 1) for w in _optimizers(runner).values()}
    return text + ''.join(f', {window} accumulated' for window in windows - {1})


def _length(runner: Runner) -> str:
    loop: Any = runner.train_loop
    unit, text = 'steps', f'{runner.max_iters:,} steps'
    if not isinstance(loop, IterBasedTrainLoop):
        steps = len(runner.train_dataloader)
        unit, text = 'epochs', f'{runner.max_epochs:,} epochs of {steps:,} steps'
    if runner.val_loop is None:
        return text
    first = getattr(loop, 'val_begin', 1)
    text += f', validation every {runner.val_interval:,} {unit} and after the last'
    return text + (f', from {first:,} on' if first > 1 else '')


def _optimizers(runner: Runner) -> dict[str | None, Any]:
    wrapper = runner.optim_wrapper
    return dict(wrapper.items()) if isinstance(wrapper, OptimWrapperDict) else {None: wrapper}


def _rates(runner: Runner, name: str | None, optimizer: torch.optim.Optimizer) -> str:
    """The numbers to check of one optimizer."""
    with refusals('param_scheduler', ArithmeticError):
        # A factor of 0 divides only when the scheduler steps.
        rates = learning_rates(runner, name)
    bases = [starting_rate(group) for group in optimizer.param_groups]
    text = (f'{name}: ' if name else '') + f'{type(optimizer).__name__}, base {max(bases):.3g}'
    if min(bases) < max(bases):
        text += f' (lowest of {len(bases)} groups {min(bases):.3g})'
    if rates:
        text += f'; first {rates[0]:.3g}, highest {max(rates):.3g}, last {rates[-1]:.3g}'
    return text


def _averaging(runner: Runner) -> Iterator[str]:
    for hook in runner.hooks:
        if hasattr(hook, 'averaging'):
            yield hook.averaging(runner)
        elif isinstance(hook, EMAHook):
            begin = (
                f'epoch {hook.begin_epoch}' if hook.begin_epoch else f'step {hook.begin_iter}'
            )
            yield f'{type(hook.ema_model).__name__} from {begin} on'


def _precision(runner: Runner, *amp: torch.dtype | None) -> str:
    """AMP's types, of which ``None`` is the device's default; compilation; device."""
    device = next(unwrap_model(runner).parameters()).device
    kinds = [f'AMP in {dtype or torch.get_autocast_dtype(device.type)}' for dtype in amp]
    compiled = ['backbone compiled'] * (runner.cfg.get('compile') not in (None, False))
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type.upper()
    threads = [counted(torch.get_num_threads(), 'thread')] * (device.type == 'cpu')
    return ', '.join([*(kinds or ['float32']), *compiled, f'on {name}', *threads])
