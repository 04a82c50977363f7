from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from msvitreid.checkpoints.checkpoint_names import checkpoint_name, iteration_name
from msvitreid.registry import HOOKS

from .validation_figures_hook import LAST_VALIDATION, ValidationFiguresHook
from .weight_average_hook import WeightAverageHook

#: The sections without which ``msvitreid test`` has nothing to test.
TEST = ('test_dataloader', 'test_cfg', 'test_evaluator')

#: Figures of a net in the line; the log has all.
MOST_FIGURES = 4


@HOOKS.register_module()
class RunResultHook(Hook):
    """Says at the end which nets the run left, with their figures, and how to test the result.

    The result is the averaged net, or without averaging the last one. A run that was stopped
    early, so that mmengine has not saved its end, is saved here.
    """

    # The last line of the log.
    priority = 'LOWEST'

    def after_train(self, runner: Runner) -> None:
        last = Path(runner.work_dir) / _last_name(runner)
        averaged = _averaged_file(runner)
        if getattr(runner.train_loop, 'stop_training', False) and averaged is None:
            meta = {'epoch': runner.epoch, 'iter': runner.iter}
            runner.save_checkpoint(runner.work_dir, last.name, meta=meta)
        if not is_main_process():
            return
        nets = [_last_net(runner, last)]
        if averaged is not None:
            nets.append(_net('averaged net', averaged, _averaged_figures(runner)))
        nets += _best_nets(runner)
        result = averaged or last
        if not result.is_file():
            result = Path(runner.message_hub.runtime_info.get('last_ckpt') or result)
        runner.logger.info(f'training ended: {"; ".join(nets)}; {_use(runner, result)}')


def _use(runner: Runner, result: Path) -> str:
    """How to test the result, or where there is no test, which file it is."""
    if any(runner.cfg.get(section) is None for section in TEST):
        return f'the result is {result}'
    command = ['msvitreid', 'test', _config_file(runner), str(result)]
    return f'test the result with {shlex.join(command)}'


def _last_name(runner: Runner) -> str:
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return iteration_name(runner.iter)
    return checkpoint_name(runner.epoch)


def _last_net(runner: Runner, file: Path) -> str:
    by_step = isinstance(runner.train_loop, IterBasedTrainLoop)
    unit, number = ('iteration', runner.iter) if by_step else ('epoch', runner.epoch)
    validated = runner.message_hub.runtime_info.get(LAST_VALIDATION) or {}
    name = f'last {unit} {number}'
    if (validated.get('unit'), validated.get('number')) == (unit, number):
        if any(isinstance(hook, EMAHook) for hook in runner.hooks):
            name += ' (exponential average)'
        return _net(name, file, validated['figures'])
    if not validated:
        return _net(name, file, {})
    older = f'{validated["unit"]} {validated["number"]}'
    return f'{_net(name, file, {})}, and {older} had {_listed(validated["figures"])}'


def _averaged_file(runner: Runner) -> Path | None:
    for hook in runner.hooks:
        if isinstance(hook, WeightAverageHook) and hook.count:
            return Path(runner.work_dir) / hook.filename
    return None


def _averaged_figures(runner: Runner) -> dict[str, float]:
    hooks = (hook for hook in runner.hooks if isinstance(hook, ValidationFiguresHook))
    return next((hook.averaged for hook in hooks), {})


def _best_nets(runner: Runner) -> Iterator[str]:
    """What ``save_best`` chose, by what mmengine keeps of it."""
    known = runner.message_hub.runtime_info
    for hook in runner.hooks:
        names = getattr(hook, 'key_indicators', None) or ()
        for name in names if isinstance(hook, CheckpointHook) else ():
            # mmengine names the figure only where there are several.
            end = f'_{name}' if len(names) > 1 else ''
            score, file = known.get(f'best_score{end}'), known.get(f'best_ckpt{end}')
            if score is not None and file is not None:
                yield f'best net {name} {score:.4f} ({Path(file).name})'


def _net(name: str, file: Path, figures: Mapping[str, float]) -> str:
    where = f' ({file.name})' if file.is_file() else ''
    return f'{name} {_listed(figures)}{where}' if figures else f'{name} not validated{where}'


def _listed(figures: Mapping[str, float]) -> str:
    return ' '.join(f'{k} {v:.4f}' for k, v in list(figures.items())[:MOST_FIGURES])


def _config_file(runner: Runner) -> str:
    """The config that the run left in its work directory, else the one that it was given."""
    given: Any = runner.cfg.filename
    if not given:
        return 'CONFIG'
    left = Path(runner.work_dir) / Path(given).name
    return str(left if left.is_file() else given)
