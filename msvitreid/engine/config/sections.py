"""What the sections of a config may hold that no component's signature says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from mmengine.runner import BaseLoop, LogProcessor

from msvitreid.registry.components import Count, CountOrZero

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
    'csv': str | None,
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
    'prepare_on_device': bool,
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
