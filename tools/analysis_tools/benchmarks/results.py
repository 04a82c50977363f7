"""Measurements, as a table to read and as a CSV file to keep."""

from __future__ import annotations

import csv
import datetime
import io
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from msvitreid.utils.files import write_text_atomically
from msvitreid.utils.versions import versions

KEY = ('cpu', 'cpus', 'gpu', 'threads', 'subject', 'case', 'variant')
"""What a row of the CSV file measures, and on what machine."""


@dataclass(frozen=True)
class Result:
    """How one variant fared in one case.

    Attributes:
        subject: the benchmark's name.
        case: what was to be done, with its sizes.
        variant: who did it.
        seconds: wall clock of each round.
        reference: the variant of the same case that it is compared with.
        memory_mib: memory it took beyond its input.
        limit_seconds: what the hardware needs at least, measured in the same run.
        note: anything the reader has to know.
    """

    subject: str
    case: str
    variant: str
    seconds: tuple[float, ...]
    reference: str = 'plain'
    memory_mib: float | None = None
    limit_seconds: float | None = None
    note: str = ''

    @property
    def times_limit(self) -> float | None:
        """Median time over the limit's."""
        if self.limit_seconds is None or not self.seconds:
            return None
        return median(self.seconds) / self.limit_seconds

    def speedup(self, results: Sequence[Result]) -> float | None:
        """How many times as fast it is as the reference among ``results``, if it is there.

        The median of the rounds' ratios, since a round's calls stood next to each other. A kind of
        operation that took no time, as one may in a profile, is not so many times as fast.
        """
        if not all(self.seconds):
            return None
        for other in results:
            if (other.case, other.variant) == (self.case, self.reference) and other.seconds:
                if len(other.seconds) == len(self.seconds):
                    pairs = zip(other.seconds, self.seconds, strict=True)
                    return median(theirs / ours for theirs, ours in pairs)
                return median(other.seconds) / median(self.seconds) if self.seconds else None
        return None


def environment(gpu: str = '') -> dict[str, str]:
    """What the figures depend on: date, processors, threads, versions.

    Args:
        gpu: name of the GPU that was measured; none if it was the CPU, whatever is there.
    """
    return {
        'date': datetime.date.today().isoformat(),
        'cpu': _cpu_name(),
        'cpus': str(os.cpu_count()),
        'gpu': gpu,
        'threads': str(torch.get_num_threads()),
        **{name: versions()[name] for name in ('msvitreid', 'python', 'torch', 'numpy')},
    }


def as_table(results: Sequence[Result]) -> str:
    """Lines of aligned columns: medians (smallest-largest) and the ratios."""
    header = ('case', 'variant', 'median (min-max)', 'speed-up', 'x limit', 'MiB', 'note')
    rows = [header, *(_table_row(result, results) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return '\n'.join(lines)


def write_csv(path: str | Path, results: Sequence[Result], gpu: str = '') -> None:
    """Add the results to a CSV file.

    A result takes the place of an older one of the same variant, case and machine.

    Args:
        path: of the file; it and its folder are made where they are missing.
        results: of one run.
        gpu: name of the GPU that they are of, if they are of one.

    Raises:
        OSError: the file cannot be read or written.
    """
    facts = environment(gpu)
    new = [{**facts, **_csv_row(result, results)} for result in results]
    measured = {_key(row) for row in new}
    old = [row for row in _read_csv(Path(path)) if _key(row) not in measured]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(new[0]), extrasaction='ignore', lineterminator='\n')
    writer.writeheader()
    writer.writerows([*old, *new])
    write_text_atomically(path, text.getvalue())


def _table_row(result: Result, results: Sequence[Result]) -> tuple[str, ...]:
    return (
        result.case,
        result.variant,
        _spread(result.seconds),
        _ratio(result.speedup(results)),
        _ratio(result.times_limit),
        '' if result.memory_mib is None else f'{result.memory_mib:,.0f}',
        result.note,
    )


def _csv_row(result: Result, results: Sequence[Result]) -> dict[str, str]:
    seconds = result.seconds
    times = (median(seconds), min(seconds), max(seconds)) if seconds else (None,) * 3
    return {
        'subject': result.subject,
        'case': result.case,
        'variant': result.variant,
        'rounds': str(len(seconds)),
        **dict(zip(('median_s', 'min_s', 'max_s'), map(_number, times), strict=True)),
        'reference': result.reference,
        'speedup': _number(result.speedup(results)),
        'limit_s': _number(result.limit_seconds),
        'times_limit': _number(result.times_limit),
        'memory_mib': _number(result.memory_mib),
        'note': result.note,
    }


def _read_csv(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def _key(row: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(row.get(name) for name in KEY)


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.4g}'


def _ratio(value: float | None) -> str:
    return '' if value is None else f'{value:.2f}'


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return ''
    return f'{_time(median(seconds))} ({_time(min(seconds))}-{_time(max(seconds))})'


def _time(seconds: float) -> str:
    return f'{seconds:.3g} s' if seconds >= 1 else f'{seconds * 1e3:.3g} ms'


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()
