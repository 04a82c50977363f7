"""What the tools' flags mean for a config; each changes it in place."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from msvitreid.checkpoints.checkpoint_names import saved_checkpoints
from msvitreid.checkpoints.model_file import SUFFIX, read_model_file
from msvitreid.engine.resume.newest_checkpoint import newest_complete
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.evaluation.functional.reranking import RERANK_DEFAULTS
from msvitreid.registry import HOOKS, METRICS, OPTIM_WRAPPERS

from .completion import datasets_in
from .initial_weights import without_initial_weights

#: The folder of a start's log, named by its time.
START = re.compile(r'\d{8}_\d{6}')


def default_work_dir(config: str | os.PathLike[str]) -> str:
    """``work_dirs/<name of the config>``."""
    return str(Path('work_dirs') / Path(config).stem)


def default_test_dir(
    cfg: Config, config: str | os.PathLike[str], checkpoint: str | os.PathLike[str]
) -> str:
    """Where the log of a test goes: ``test/`` in the run's directory that the checkpoint lies in.

    That is a folder with other traces of a run. Where it is none, or nothing can be written
    there, ``test/`` in the config's ``work_dir``, or in ``work_dirs/<name of the config>``.
    """
    folder = Path(checkpoint).parent
    if _is_of_a_run(folder):
        existing = folder / 'test' if (folder / 'test').exists() else folder
        if os.access(existing, os.W_OK | os.X_OK):
            return str(folder / 'test')
    return str(Path(cfg.get('work_dir') or default_work_dir(config)) / 'test')


def _is_of_a_run(folder: Path) -> bool:
    """Whether a run has begun there: it left its last checkpoint's name, or a log's folder."""
    try:
        return (folder / 'last_checkpoint').is_file() or any(
            START.fullmatch(path.name) for path in folder.iterdir()
        )
    except OSError:
        return False


def require_sections(cfg: Config, *keys: str) -> None:
    """Check that a config is a whole one, not a base to inherit from.

    Raises:
        ConfigError: it lacks one of ``keys``.
    """
    lacking = [key for key in keys if cfg.get(key) is None]
    if lacking:
        raise ConfigError(
            f'config {cfg.filename!r} has no {", ".join(lacking)}; is it a base to inherit from?'
        )


def use_amp(cfg: Config) -> None:
    """Train in float16 with loss scaling.

    Raises:
        ConfigError: there is no GPU, or the optimizer wrapper is not a plain one.
    """
    if not torch.cuda.is_available():
        raise ConfigError('--amp needs a CUDA device and none is here; train without it')
    kind = OPTIM_WRAPPERS.component(cfg.optim_wrapper) or OptimWrapper
    if kind not in (OptimWrapper, AmpOptimWrapper):
        raise ConfigError(
            f'--amp needs optim_wrapper.type OptimWrapper, the config has {kind.__name__!r}'
        )
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def start_new_run(cfg: Config) -> None:
    """Undo what a resumed run left in the config it wrote.

    Raises:
        ConfigError: the work directory holds checkpoints, which ``--resume`` would later
            take for this run's, or the result of an earlier run, which would be replaced.
    """
    if cfg.get('resume'):
        cfg.resume, cfg.load_from = False, None
    saved = saved_checkpoints(cfg.work_dir)
    if saved:
        raise ConfigError(
            f'work_dir {cfg.work_dir!r} holds checkpoints of an earlier run (the last is '
            f'{saved[-1].path.name}); go on with it by --resume, give another --work-dir, or '
            'remove them'
        )
    _require_no_results(cfg)


def use_resume(cfg: Config, checkpoint: Path | None) -> None:
    """Go on from ``checkpoint``, or from the one of the work directory that got farthest.

    Where there is none the run starts as it would without.

    Raises:
        CheckpointError: the named checkpoint does not exist, or all that there are are broken.
        ConfigError: there is no checkpoint, but the result of an earlier run.
    """
    if checkpoint is not None and not checkpoint.is_file():
        raise CheckpointError(f'--resume: checkpoint {str(checkpoint)!r} does not exist')
    newest = checkpoint or newest_complete(cfg.work_dir)
    if newest is None:
        _require_no_results(cfg)
        print_log(
            f'--resume: no checkpoint in {cfg.work_dir!r}; the run starts from the beginning'
        )
        return
    cfg.resume = True
    cfg.load_from = str(newest)
    # The checkpoint overwrites all weights, so the pretrained file need not be here.
    cfg.model = without_initial_weights(cfg.model)


def _require_no_results(cfg: Config) -> None:
    """Refuse to replace an averaged or best net whose run's own checkpoints were removed."""
    hooks = cfg.get('custom_hooks') or ()
    default = (cfg.get('default_hooks') or {}).values()
    written = {hook.get('filename') for hook in (*hooks, *default) if isinstance(hook, Mapping)}
    names = [path.name for path in sorted(Path(cfg.work_dir).glob('*.*'))]
    results = [
        name
        for name in names
        if (name.startswith('best_') and name.endswith('.pth'))
        or name in {'averaged.pth', f'model{SUFFIX}', *written}
    ]
    if results:
        raise ConfigError(
            f'work_dir {cfg.work_dir!r} holds {results[0]} of an earlier run, which this one '
            'would replace; give another --work-dir, or move it away'
        )


def use_test_only(cfg: Config, checkpoint: str | os.PathLike[str] | None) -> None:
    """Test ``checkpoint``, or the net as it is built; no training data is needed."""
    # For the start summary, which compares the test's identities with them.
    cfg.training_dataset = (cfg.get('train_dataloader') or {}).get('dataset')
    training = ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler')
    for key in (*training, 'val_dataloader', 'val_cfg', 'val_evaluator'):
        cfg[key] = None
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or () if not _only_trains(hook)
    ]
    cfg.resume = False
    cfg.load_from = None if checkpoint is None else str(checkpoint)
    cfg.model = without_initial_weights(cfg.model)


def without_effect(options: Iterable[str]) -> list[str]:
    """Those of ``--cfg-options`` that say what a model file says itself."""
    own = re.compile(
        r'(model|image_size|test_pipeline|test_dataloader\.dataset\.pipeline)(\.|$)'
    )
    return [key for key in options if own.match(key)]


def use_model_file(
    cfg: Config, path: str | os.PathLike[str], options: Iterable[str] = ()
) -> None:
    """Have a test compute a model file's net, with its own preprocessing, on the config's test set.

    Args:
        cfg: with a test set.
        path: of the model file.
        options: keys that the user has changed in ``cfg``.

    Raises:
        CheckpointError: the file cannot be used.
        ConfigError: an option has no effect.
    """
    if changed := without_effect(options):
        raise ConfigError(
            f'{", ".join(changed)}: without effect, as model file {str(path)!r} states its own net '
            'and preprocessing; leave it out, or test the checkpoint'
        )
    description = read_model_file(path).description
    cfg.model = {**description['architecture'], 'flip_test': description['flip']}
    value_range = description['preprocessing']['value_range']
    pipeline = [
        {'type': 'LoadImage', **({'value_range': tuple(value_range)} if value_range else {})},
        *description['pipeline'],
        {'type': 'PackReIDInputs'},
    ]
    cfg.test_pipeline = pipeline
    for dataset in datasets_in(cfg.test_dataloader.dataset):
        dataset['pipeline'] = pipeline


def _only_trains(hook: Any) -> bool:
    """Whether a hook's class says so; mmengine's ``EMAHook`` would copy the net that is tested."""
    kind = HOOKS.component(hook) or type(hook)
    is_ema = inspect.isclass(kind) and issubclass(kind, EMAHook)
    return is_ema or getattr(kind, 'only_trains', False)


def use_rerank(cfg: Config) -> None:
    """Have the test evaluator re-rank with the usual k1 = 20, k2 = 6, lambda = 0.3.

    Raises:
        ConfigError: the evaluator is not a single one with the option ``rerank``.
    """
    evaluator = cfg.test_evaluator
    if 'rerank' not in METRICS.parameters(evaluator):
        raise ConfigError(
            '--rerank needs a test_evaluator with the option rerank, such as ReIDMetric'
        )
    evaluator['rerank'] = {**RERANK_DEFAULTS, **(evaluator.get('rerank') or {})}


def use_bootstrap(cfg: Config, resamples: int) -> None:
    """Have the test evaluators give 95 % intervals over identities.

    Raises:
        ConfigError: ``resamples`` is below 1, or an evaluator cannot.
    """
    if resamples < 1:
        raise ConfigError(f'--bootstrap takes a number of resamples from 1 on, got {resamples}')
    evaluators = cfg.test_evaluator
    for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
        if 'bootstrap' not in METRICS.parameters(evaluator):
            raise ConfigError(
                '--bootstrap needs a test_evaluator with the option bootstrap, such as '
                f'ReIDMetric, got {evaluator!r}'
            )
        evaluator['bootstrap'] = resamples
