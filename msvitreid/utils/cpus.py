from __future__ import annotations

import os


def available_cpus() -> int:
    """How many CPUs this process may use, such as those that a cluster gave its job."""
    # Not on every system.
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
