"""Processes that talk to each other through the CPU."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from torch import distributed

from msvitreid.errors import ConfigError

#: What torch.distributed reads, and where slurm says it.
SLURM_NAMES = {
    'RANK': 'SLURM_PROCID',
    'LOCAL_RANK': 'SLURM_LOCALID',
    'WORLD_SIZE': 'SLURM_NTASKS',
}


def group_timeout(env_cfg: Mapping[str, Any]) -> timedelta:
    """How long to wait for another process: ``dist_cfg.timeout`` seconds, 1800 by default."""
    return timedelta(seconds=(env_cfg.get('dist_cfg') or {}).get('timeout', 1800))


def join_processes(launcher: str, timeout: timedelta) -> None:
    """Join the group of processes that the launcher's environment variables describe.

    mmengine 0.10.7 does that for CUDA devices only.

    Args:
        launcher: 'slurm', or another that sets torch's own variables.
        timeout: after which waiting for another process is an error.

    Raises:
        ConfigError: the variables are not there.
    """
    if launcher == 'slurm':
        for name, source in SLURM_NAMES.items():
            if source in os.environ:
                os.environ[name] = os.environ[source]
        # One machine, unless the launching script says where the first rank is.
        os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
        os.environ.setdefault('MASTER_PORT', '29500')
    lacking = [
        name for name in (*SLURM_NAMES, 'MASTER_ADDR', 'MASTER_PORT') if name not in os.environ
    ]
    if lacking:
        raise ConfigError(
            f'--launcher {launcher} needs the environment variables {", ".join(lacking)}, which '
            'the launcher sets; start with msvitreid dist-train, or without --launcher'
        )
    distributed.init_process_group('gloo', timeout=timeout)
