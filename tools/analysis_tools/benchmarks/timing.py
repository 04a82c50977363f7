"""How long calls take, compared with each other, and how much memory one takes."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from mmengine.utils import ProgressBar


def paired(
    functions: Mapping[str, Callable[[], object]], rounds: int = 5, warmup: int = 1
) -> dict[str, tuple[float, ...]]:
    """Time functions in turn, so that whatever slows the machine down slows all of them.

    A bar with the time left is shown on stderr.

    Args:
        functions: by name. What runs on a GPU has to wait for it itself.
        rounds: timed calls of each.
        warmup: calls of each before.

    Returns:
        Wall-clock seconds of each function's calls, by its name, in the order of the rounds:
        the n-th calls of all stood next to each other.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    print(f'timing {", ".join(functions)}', file=sys.stderr)
    bar = ProgressBar((warmup + rounds) * len(functions), file=sys.stderr)
    for turn in range(-warmup, rounds):
        for name, function in functions.items():
            # What the last one left is not to be swept up on this one's time.
            gc.collect()
            start = time.perf_counter()
            function()
            elapsed = time.perf_counter() - start
            if turn >= 0:
                seconds[name].append(elapsed)
            bar.update()
    print(file=sys.stderr)
    return {name: tuple(times) for name, times in seconds.items()}


def peak_memory(function: Callable[..., object], *args: Any) -> float:
    """Main memory that a call takes beyond what was there before it.

    The call is made in a forked process, which sees all that this one has, so ``function`` may
    be a closure. There torch has one thread, because OpenMP's do not survive the fork; and a
    GPU that this process has used cannot be used.

    Args:
        function: is called once, its result is thrown away.
        args: for it.

    Returns:
        MiB between resident memory before the call and its peak. Pages read of a mapped file
        count, although the system could take them back.

    Raises:
        RuntimeError: the call failed; its traceback is on stderr.
        OSError: there is no ``/proc/self/status``, as only Linux has it.
    """
    _give_back_free_memory()
    fork = multiprocessing.get_context('fork')
    reader, writer = fork.Pipe(duplex=False)
    child = fork.Process(target=_call_and_report, args=(writer, function, args))
    child.start()
    writer.close()
    try:
        return reader.recv()
    except EOFError:
        child.join()
        raise RuntimeError(f'the measured call failed, exit code {child.exitcode}') from None
    finally:
        child.join()
        reader.close()


def _call_and_report(writer: Connection, function: Callable[..., object], args: Any) -> None:
    torch.set_num_threads(1)
    before = _status_mib('VmRSS')
    function(*args)
    writer.send(_status_mib('VmHWM') - before)


def _give_back_free_memory() -> None:
    """Without this a call would be served from what earlier ones have freed, for nothing."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def _status_mib(field: str) -> float:
    for line in Path('/proc/self/status').read_text(encoding='ascii').splitlines():
        name, _, value = line.partition(':')
        if name == field:
            return int(value.split()[0]) / 1024
    raise RuntimeError(f'/proc/self/status says nothing of {field}')
