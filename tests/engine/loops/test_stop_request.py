import multiprocessing
import time
from functools import partial
from multiprocessing.context import BaseContext

import pytest

from msvitreid.engine.loops.stop_request import StopRequest


def note(numbers, worker_id):
    numbers[0] = worker_id


def work(start, ready):
    """A loader's worker: it begins, and then has something to do."""
    start(7)
    ready.set()
    for _ in range(300):
        time.sleep(0.1)


@pytest.fixture(params=['fork', 'spawn', 'forkserver'])
def context(request) -> BaseContext:
    return multiprocessing.get_context(request.param)


def test_a_worker_survives_until_the_run_leaves(context):
    """Spawned workers could not begin: a signal handler went with their start function."""
    request = StopRequest()
    numbers = context.RawArray('i', 1)
    ready = context.Event()
    with request:
        start = request.worker_start(partial(note, numbers))
        worker = context.Process(target=work, args=(start, ready), daemon=True)
        worker.start()
        assert ready.wait(30)
        assert numbers[0] == 7
        worker.terminate()
        worker.join(0.5)
        assert worker.is_alive()
    worker.terminate()
    worker.join(10)
    assert worker.exitcode == 0
