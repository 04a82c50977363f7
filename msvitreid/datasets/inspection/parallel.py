from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mmengine.utils import ProgressBar

from msvitreid.errors import ConfigError
from msvitreid.utils.cpus import available_cpus

Job = TypeVar('Job')
Result = TypeVar('Result')

CHUNK = 64


def work_through(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    task: str,
    workers: int | None = None,
    progress: bool = False,
) -> Iterator[tuple[Job, Result]]:
    """Jobs and their results, in order, worked on by several threads.

    Threads do, because reading, hashing and decoding release the interpreter's lock.

    Args:
        work: does one job.
        jobs: what to do.
        task: what is being done, for the progress line.
        workers: threads; ``None`` takes one for each CPU.
        progress: whether to say on stderr what is done, on a terminal with a bar and the time
            left.

    Raises:
        ConfigError: there is no worker.
    """
    workers = workers if workers is not None else available_cpus()
    if workers < 1:
        raise ConfigError(f'workers is {workers}, give at least 1')
    chunks = [jobs[start : start + CHUNK] for start in range(0, len(jobs), CHUNK)]
    shows = progress and bool(jobs)
    if shows:
        print(f'{task} {len(jobs):,} images', file=sys.stderr)
    # In a file, a bar would be thousands of lines.
    bar = ProgressBar(len(jobs), file=sys.stderr) if shows and sys.stderr.isatty() else None
    with ThreadPoolExecutor(workers) as pool:
        try:
            results = pool.map(lambda chunk: [work(job) for job in chunk], chunks)
            for chunk, done in zip(chunks, results, strict=True):
                yield from zip(chunk, done, strict=True)
                if bar:
                    bar.update(len(chunk))
        except BaseException:
            # An error or an interrupt: what has not begun is not to be waited for.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if bar:
        print(file=sys.stderr)
