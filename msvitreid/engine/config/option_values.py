"""Values of a config's options that would otherwise pass silently or fail far from home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from torch import nn

from msvitreid.engine.distributed.gloo import group_timeout
from msvitreid.errors import ConfigError
from msvitreid.utils.near_names import did_you_mean

#: The sections of validation, which go together.
VALIDATION = ('val_dataloader', 'val_cfg', 'val_evaluator')

#: NumPy takes none above.
LARGEST_SEED = 2**32 - 1

#: What starting several processes takes.
DIST_OPTIONS = ('backend', 'init_backend', 'timeout', 'port')


def check_option_values(cfg: Config) -> None:
    """Check the documented options that neither a component nor mmengine checks.

    Raises:
        ConfigError: one of them has a value that it cannot have.
    """
    sync_bn = cfg.get('sync_bn')
    if sync_bn not in (None, False, 'torch'):
        raise ConfigError(f"sync_bn must be 'torch' or None, got {sync_bn!r}")
    unused = cfg.get('find_unused_parameters')
    if not isinstance(unused, bool | None):
        raise ConfigError(f'find_unused_parameters must be True or False, got {unused!r}')
    _check_compile(cfg.get('compile'))
    _check_whole_number(cfg, 'optim_wrapper', 'accumulative_counts')
    _check_whole_number(cfg, 'train_cfg', 'max_epochs')
    _check_whole_number(
        cfg,
        'train_cfg',
        'val_interval',
        hint=f'; {" ".join(f"{key}=None" for key in VALIDATION)} trains without validation',
    )
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        _check_whole_number(cfg, loader, 'batch_size')
        _check_whole_number(cfg, loader, 'num_workers', lowest=0)
    if (cfg.get('randomness') or {}).get('seed') is not None:
        _check_whole_number(cfg, 'randomness', 'seed', lowest=0, highest=LARGEST_SEED)
    _check_processes(cfg.get('env_cfg') or {})
    # A test has no training; where a run is resumed, its checkpoint fills the whole net.
    begins = cfg.get('train_cfg') and not cfg.get('resume')
    if begins and cfg.get('load_except') and not cfg.get('load_from'):
        raise ConfigError(
            f'load_except={cfg["load_except"]!r} has no effect without load_from: name the '
            'checkpoint to start from, or leave it out'
        )


def _check_compile(options: Any) -> None:
    if not isinstance(options, bool | dict | None):
        raise ConfigError(
            "compile must be True, False or a dict of torch.compile's options, such as "
            f"dict(mode='max-autotune'), got {options!r}"
        )
    if not isinstance(options, dict):
        return
    try:
        # It looks at them at once, and compiles nothing before the first call.
        nn.Identity().compile(**options)
    except Exception as error:
        # Which kind it raises depends on the option and the backend.
        reason = ' '.join(str(error).split())[:300]
        raise ConfigError(
            f'compile={options!r}: torch.compile refuses it ({reason})'
        ) from error


def _check_whole_number(
    cfg: Config,
    section: str,
    key: str,
    lowest: int = 1,
    highest: int | None = None,
    hint: str = '',
) -> None:
    options = cfg.get(section)
    if not isinstance(options, dict) or key not in options:
        return
    value = options[key]
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < lowest or (highest is not None and value > highest):
        end = 'on' if highest is None else f'to {highest}'
        raise ConfigError(
            f'{section}.{key} must be a whole number from {lowest} {end}, got {value!r}{hint}'
        )


def _check_processes(env_cfg: Mapping) -> None:
    options = env_cfg.get('dist_cfg') or {}
    if not isinstance(options, dict):
        raise ConfigError(
            f'env_cfg.dist_cfg must be a dict such as dict(timeout=1800), got {options!r}'
        )
    for key in options:
        if key not in DIST_OPTIONS:
            raise ConfigError(
                f'env_cfg.dist_cfg.{key} is unknown; there are {", ".join(DIST_OPTIONS)}'
                f'{did_you_mean(key, DIST_OPTIONS)}'
            )
    group_timeout(env_cfg)
