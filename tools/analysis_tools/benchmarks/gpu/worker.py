"""The process that computes: a kernel that breaks it, or hangs, costs one variant only."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from .job import Answer, Job
from .sizes import Sizes

ROOT = Path(__file__).parents[4]
#: Seconds in which a process has to import everything and to find the device.
START = 180


class Worker:
    """Does jobs in a process of its own, one after another; a lost process is replaced."""

    def __init__(self, sizes: Sizes) -> None:
        self.facts: dict[str, Any] = {}
        self._sizes = sizes
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def do(self, job: Job, sizes: Sizes, timeout: float) -> Answer:
        """The job's answer, within ``timeout`` seconds; a failure is one, too."""
        if self._process is None:
            failure = self.start(min(timeout, START))
            if failure:
                return Answer(failure=failure)
        answer = self._exchange((job, sizes), timeout)
        if isinstance(answer, str):
            return Answer(failure=answer)
        if answer.fatal:
            self.stop()
        return answer

    def start(self, timeout: float = START) -> str:
        """Start the process and ask for the device's facts; why that failed, if it did."""
        own, other = Pipe()
        paths = [str(ROOT), str(ROOT / 'tools' / 'analysis_tools')]
        paths += filter(None, [os.environ.get('PYTHONPATH')])
        self._connection = own
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'benchmarks.gpu.worker', str(other.fileno())],
            pass_fds=[other.fileno()],
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)},
            start_new_session=True,
        )
        other.close()
        facts = self._exchange(self._sizes, timeout)
        if isinstance(facts, str):
            return facts
        self.facts = self.facts or facts
        return ''

    def stop(self) -> None:
        """End the process and all that it has started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None

    def _exchange(self, message: Any, timeout: float) -> Any:
        """The process's answer; a string is why there is none, and it has been stopped then."""
        assert self._process is not None
        assert self._connection is not None
        try:
            self._connection.send(message)
            if self._connection.poll(timeout):
                return self._connection.recv()
            failure = f'stopped after {timeout:.0f} s'
        except (EOFError, ConnectionError):
            code = self._process.wait()
            failure = f'its process ended with code {code}'
        self.stop()
        return failure


def serve(connection: Connection) -> None:
    """Answer jobs until the other end is closed."""
    # What libraries print must not stand between the lines of the run.
    os.dup2(2, 1)
    connection.send(device_facts(connection.recv()))
    while True:
        try:
            job, sizes = connection.recv()
        except EOFError:
            return
        connection.send(answer(job, sizes))


def device_facts(sizes: Sizes) -> dict[str, Any]:
    """What the device is, and how fast it copies."""
    import torch

    from benchmarks.bandwidth import copy_bandwidth
    from benchmarks.device import Setting
    from msvitreid.utils.versions import versions

    device = torch.device(sizes.device)
    facts = {
        'GPU': 'none: emulated on the CPU',
        'torch': torch.__version__,
        **{name: version for name, version in versions('triton').items() if name == 'triton'},
    }
    if device.type == 'cuda':
        properties = torch.cuda.get_device_properties(device)
        facts |= {
            'GPU': properties.name,
            'memory': f'{properties.total_memory / 2**30:.0f} GiB',
            'compute capability': f'{properties.major}.{properties.minor}',
            'CUDA': str(torch.version.cuda),
            'cuDNN': str(torch.backends.cudnn.version()),
        }
    copied = 1 << 20 if sizes.emulated else None
    return {**facts, 'bandwidth': copy_bandwidth(Setting(device), copied)}


def answer(job: Job, sizes: Sizes) -> Answer:
    """Do a job; whatever it raises is a sentence."""
    import torch

    module, _, name = job.function.partition(':')
    results, failure = (), ''
    try:
        function = getattr(importlib.import_module(f'.{module}', __package__), name)
        results = tuple(function(sizes, job, **job.arguments))
    except Exception as error:  # a variant's failure is its result
        failure = f'{type(error).__name__}: {first_line(error)}'
    gc.collect()
    fatal = False
    if torch.cuda.is_initialized():
        try:
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except RuntimeError:
            fatal = True
    return Answer(results, failure, fatal)


def first_line(error: Exception) -> str:
    """The start of a message: those of compilers go on for pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:240] if lines else 'no message'


if __name__ == '__main__':
    # By its full name, so that jobs are of the same classes on both ends.
    importlib.import_module('benchmarks.gpu.worker').serve(Connection(int(sys.argv[1])))
