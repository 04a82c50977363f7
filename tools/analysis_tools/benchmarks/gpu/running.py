"""The run: job after job within the time that is left, each leaving its rows at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.results import Result, write_csv
from msvitreid.errors import ConfigError

from .job import Job
from .page import Entry, line_of, summary, write_page
from .plan import TESTS
from .profiling import draw_profile
from .sizes import Sizes
from .suite import add_row, gpu_test_files, run_suite
from .worker import Worker

#: Of all the time, what the tests may take.
TESTS_SHARE = 0.4
#: Times its estimate, plus so many seconds, a job may take.
PATIENCE = 3
GRACE = 60
#: They are skipped without a GPU, so a few are enough to see that they are run.
EMULATED_TESTS = ['tests/evaluation/functional/test_gpu.py']


def run_jobs(jobs: Sequence[Job], sizes: Sizes, out: Path, deadline: float) -> list[Entry]:
    """Do what there is time for.

    Args:
        jobs: in this order.
        sizes: of all.
        out: folder for everything.
        deadline: by ``time.monotonic()``.

    Raises:
        ConfigError: the device cannot be used at all.
    """
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    worker = Worker(sizes)
    run = _Run(out)
    try:
        failure = worker.start()
        if failure:
            raise ConfigError(f'the device cannot be used ({failure}); see the output above')
        sizes = replace(sizes, bandwidth=worker.facts.pop('bandwidth'))
        run.facts = worker.facts
        run.bandwidth = sizes.bandwidth
        print(', '.join(f'{name} {value}' for name, value in run.facts.items()), flush=True)
        for job in jobs:
            left = deadline - time.monotonic()
            if left < job.estimate:
                run.add(Entry(job, skipped=f'{left:.0f} s left, about {job.estimate:g} needed'))
                continue
            before = time.monotonic()
            # Estimates are of GPUs.
            patience = left if sizes.emulated else PATIENCE * job.estimate + GRACE
            timeout = min(left, patience)
            if job.part == TESTS:
                share = TESTS_SHARE * (deadline - started)
                entry = run.test(job, sizes, min(left, share))
            else:
                answer = worker.do(job, sizes, timeout)
                entry = Entry(job, answer.results, answer.failure)
            run.add(entry, time.monotonic() - before)
    finally:
        worker.stop()
    print(f'{out / "gpu.md"}: {summary(run.entries)}', flush=True)
    return run.entries


class _Run:
    """What has been found so far, on the disk as well."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.facts: dict[str, str] = {}
        self.bandwidth = 0.0
        self.entries: list[Entry] = []
        self._results: dict[str, list[Result]] = {}
        self._started = time.monotonic()

    def test(self, job: Job, sizes: Sizes, timeout: float) -> Entry:
        """Run the tests, and note what came of them."""
        files = EMULATED_TESTS if sizes.emulated else gpu_test_files()
        outcome, passed = run_suite(files, timeout, self.out / 'gpu_tests.log')
        versions = ', '.join(f'{name} {text}' for name, text in list(self.facts.items())[1:])
        add_row(self.out, self.facts['GPU'], versions, outcome)
        return Entry(job, failure='' if passed else outcome, outcome=outcome)

    def add(self, entry: Entry, seconds: float = 0) -> None:
        """Keep what became of a job."""
        entry = replace(entry, seconds=seconds)
        self.entries.append(entry)
        job, new = entry.job, list(entry.results)
        if entry.failure and not new and job.part != TESTS:
            new = [job.result((), note=f'failed: {entry.failure}')]
        results = self._results.setdefault(job.subject, [])
        results += new
        if new:
            write_csv(self.out / f'{job.subject}.csv', results, self.facts['GPU'])
        if job.part == 'profile' and entry.results:
            draw_profile(results, self.out / 'profile-gpu.png')
        elapsed = time.monotonic() - self._started
        for line in line_of(entry, new, results):
            print(f'[{elapsed:4.0f} s] {line}', flush=True)
        tables = {name: rows for name, rows in self._results.items() if rows}
        write_page(self.out / 'gpu.md', self.facts, self.bandwidth, self.entries, tables)
