"""The page that sums a run up, and its lines in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.results import Result, as_table, environment
from msvitreid.utils.files import write_text_atomically

from .job import Job

#: How the note of a result begins that was computed and is not right.
WRONG = 'WRONG'


@dataclass(frozen=True)
class Entry:
    """What became of a job: results or an outcome, or why there are none."""

    job: Job
    results: tuple[Result, ...] = ()
    failure: str = ''
    skipped: str = ''
    outcome: str = ''
    seconds: float = 0

    @property
    def state(self) -> str:
        """``done``, ``failed`` or ``skipped``."""
        if self.skipped:
            return 'skipped'
        wrong = any(result.note.startswith(WRONG) for result in self.results)
        return 'failed' if self.failure or wrong else 'done'

    @property
    def name(self) -> str:
        """Of the job, for people."""
        job = self.job
        return ': '.join(dict.fromkeys(filter(None, (job.part, job.case, job.variant))))


def summary(entries: Sequence[Entry]) -> str:
    """How many jobs were done, failed and skipped."""
    counts = Counter(entry.state for entry in entries)
    return ', '.join(f'{counts[state]} {state}' for state in ('done', 'failed', 'skipped'))


def line_of(entry: Entry, new: Sequence[Result], results: Sequence[Result]) -> list[str]:
    """What the terminal shows of a job."""
    if entry.skipped:
        return [f'{entry.name}: skipped, {entry.skipped}']
    if not new:
        return [f'{entry.name}: {entry.outcome or entry.failure}']
    lines = []
    for result in new:
        facts = [f'{result.case}: {result.variant}']
        if result.seconds:
            facts.append(f'{median(result.seconds) * 1e3:.4g} ms')
        speedup, limit = result.speedup(results), result.times_limit
        facts += [f'{speedup:.2f}x {result.reference}'] if speedup else []
        facts += [f'{limit:.3g}x the limit'] if limit else []
        memory = result.memory_mib
        facts += [f'{memory:,.0f} MiB'] if memory is not None else []
        lines.append(', '.join(filter(None, (*facts, result.note))))
    return lines


def write_page(
    path: Path,
    facts: Mapping[str, str],
    bandwidth: float,
    entries: Sequence[Entry],
    tables: Mapping[str, Sequence[Result]],
) -> None:
    """Write ``gpu.md``: parts, failures, what was skipped, and the tables."""
    found = environment()
    lines = ['# A run of `msvitreid benchmark gpu`', '']
    lines.append(', '.join(f'{name} {value}' for name, value in facts.items()))
    lines.append(', '.join(f'{name} {value}' for name, value in found.items() if value) + '.')
    lines += [f'A large copy reads and writes {bandwidth / 1e9:,.0f} GB/s.', '']
    lines += ['| part | done | failed | skipped | seconds |', '|---|---|---|---|---|']
    for part in dict.fromkeys(entry.job.part for entry in entries):
        own = [entry for entry in entries if entry.job.part == part]
        counts = Counter(entry.state for entry in own)
        cells = [counts[state] for state in ('done', 'failed', 'skipped')]
        cells.append(round(sum(entry.seconds for entry in own)))
        lines.append(f'| {part} | {" | ".join(map(str, cells))} |')
    for state, title in (('failed', 'Failed'), ('skipped', 'Skipped')):
        own = [entry for entry in entries if entry.state == state]
        lines += ['', f'## {title}', ''] if own else []
        for entry in own:
            notes = [r.note for r in entry.results if r.note.startswith(WRONG)]
            reason = entry.skipped or entry.failure or '; '.join(notes)
            lines.append(f'- {entry.name}: {reason}')
    outcomes = [entry.outcome for entry in entries if entry.outcome]
    lines += ['', '## Tests', '', *outcomes] if outcomes else []
    for name, results in tables.items():
        lines += ['', f'## {name}', '', '```', as_table(results), '```']
    write_text_atomically(path, '\n'.join(lines) + '\n')
