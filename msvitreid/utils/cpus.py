from __future__ import annotations

import math
import os
from pathlib import Path

#: Where Linux says how much time of CPUs a container may use: the share, and of how long.
QUOTA_FILES = (
    ('/sys/fs/cgroup/cpu.max',),
    ('/sys/fs/cgroup/cpu/cpu.cfs_quota_us', '/sys/fs/cgroup/cpu/cpu.cfs_period_us'),
)


def available_cpus() -> int:
    """How many CPUs this process may use, such as those that a cluster gave its job.

    It is at most what a container's quota amounts to, of 1.5 CPUs two.
    """
    # Not on every system.
    if hasattr(os, 'sched_getaffinity'):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, math.ceil(min(count, _quota())))


def _quota() -> float:
    for files in QUOTA_FILES:
        try:
            words = ' '.join(Path(file).read_text() for file in files).split()
            share, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # no such file, or 'max'
            continue
        if share > 0 and period > 0:
            return share / period
    return math.inf
