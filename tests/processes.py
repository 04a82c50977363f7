"""Functions run in several processes that talk to each other, as a launcher would start them."""

from __future__ import annotations

import faulthandler
import multiprocessing
import multiprocessing.connection
import pickle
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed


class _Answer(NamedTuple):
    """What a process has to say: a value, or an error, its traceback and when it was raised."""

    value: Any
    error: BaseException | None = None
    trace: str = ''
    when: float = 0.0


def run_ranks(
    function: Callable[..., Any], world_size: int, *args: Any, timeout: float = 60
) -> list[Any]:
    """Call ``function(*args)`` in ``world_size`` processes of one gloo process group.

    The processes are forked: nothing is imported again, and ``function`` and ``args`` may be
    anything, also closures over a test's variables; what a process changes, the others and
    the test do not see. In each ``torch.distributed`` and ``mmengine.dist`` know its rank,
    torch has one thread, and random generators are as they were in the test, so alike.

    Args:
        function: finds out by ``torch.distributed.get_rank()`` which rank it is.
        world_size: how many processes.
        args: for every process the same.
        timeout: seconds for all of it, and for a single collective call.

    Returns:
        What ``function`` returned, by rank. It is pickled on its way, so return tensors as
        NumPy arrays.

    Raises:
        Exception: the first that a process raised, of its own class, caused by an error
            that shows the process' traceback; the other processes are killed. To see how
            every rank fails, let ``function`` catch the exception and return it.
        AssertionError: a process hung and was killed, with the place where it hung; or one
            ended without an answer, with its exit code.
    """
    fork = multiprocessing.get_context('fork')
    with tempfile.TemporaryDirectory() as folder:
        readers: list[Connection] = []
        processes: list[BaseProcess] = []
        for rank in range(world_size):
            reader, writer = fork.Pipe(duplex=False)
            rank_args = (writer, Path(folder), rank, world_size, timeout, function, args)
            process = fork.Process(target=_run_rank, args=rank_args)
            process.start()
            # The reader sees the end of the process only if no other holds this end.
            writer.close()
            readers.append(reader)
            processes.append(process)
        try:
            return _collect(readers, processes, timeout, Path(folder))
        finally:
            for child, reader in zip(processes, readers, strict=True):
                child.kill()
                child.join()
                reader.close()


def _run_rank(
    writer: Connection,
    folder: Path,
    rank: int,
    world_size: int,
    timeout: float,
    function: Callable[..., Any],
    args: Sequence[Any],
) -> None:
    with _stack_file(folder, rank).open('w') as stack:
        faulthandler.dump_traceback_later(timeout, file=stack)
        try:
            torch.set_num_threads(1)
            torch.distributed.init_process_group(
                'gloo',
                init_method=f'file://{folder}/store',
                rank=rank,
                world_size=world_size,
                timeout=timedelta(seconds=timeout),
            )
            answer = pickle.dumps(_Answer(function(*args)))
        except BaseException as error:
            answer = _pickled_error(error)
        finally:
            faulthandler.cancel_dump_traceback_later()
    writer.send_bytes(answer)
    # Until it is killed with the others: who leaves first would cut connections that they may
    # still be setting up. The end of the parent ends it too.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()


def _pickled_error(error: BaseException) -> bytes:
    """The error if it survives the way to the test, else a description of it."""
    trace, when = traceback.format_exc(), time.monotonic()
    try:
        answer = pickle.dumps(_Answer(None, error, trace, when))
        pickle.loads(answer)
    except Exception:
        answer = pickle.dumps(_Answer(None, RuntimeError(repr(error)), trace, when))
    return answer


def _collect(
    readers: list[Connection], processes: list[BaseProcess], timeout: float, folder: Path
) -> list[Any]:
    # A little longer than the processes have, for the stacks they write before they end.
    deadline = time.monotonic() + timeout + 1
    answers: dict[int, _Answer] = {}
    while len(answers) < len(readers):
        missing = [rank for rank in range(len(readers)) if rank not in answers]
        ready = multiprocessing.connection.wait(
            [readers[rank] for rank in missing], max(0, deadline - time.monotonic())
        )
        if not ready:
            stacks = (f'rank {r}:\n{_stack_file(folder, r).read_text()}' for r in missing)
            raise AssertionError(
                '\n'.join([f'ranks {missing} did not end within {timeout} s', *stacks])
            )
        for rank in missing:
            if readers[rank] in ready:
                answers[rank] = _receive(readers[rank], rank, processes[rank])
        failed = [rank for rank, answer in answers.items() if answer.error is not None]
        if failed:
            # The others may only have lost the connection to the first.
            rank = min(failed, key=lambda rank: answers[rank].when)
            error, trace = answers[rank].error, answers[rank].trace
            assert error is not None
            raise error from RuntimeError(f'in rank {rank}:\n{trace}')
    return [answers[rank].value for rank in range(len(readers))]


def _receive(reader: Connection, rank: int, process: BaseProcess) -> _Answer:
    try:
        return pickle.loads(reader.recv_bytes())
    except EOFError:
        process.join()
        message = f'rank {rank} ended without an answer, exit code {process.exitcode}'
        raise AssertionError(message) from None


def _stack_file(folder: Path, rank: int) -> Path:
    return folder / f'stack-{rank}.txt'
