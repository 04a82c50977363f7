from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mmengine.logging import MMLogger

from msvitreid.utils.printable import counted, printable

#: How the line on what was taken from a weights file goes on after its count.
LOADED = 'tensors loaded from'

#: Keys of a kind that the terminal shows; the log file has all.
SHOWN_KEYS = 2


class Reshaped(NamedTuple):
    """A key whose tensor has another shape in the file than in the model."""

    name: str
    in_file: tuple[int, ...]
    in_model: tuple[int, ...]


@dataclass(frozen=True)
class LoadReport:
    """Which keys of a weights file filled a model, and which did not; all lists sorted.

    Attributes:
        source: the file.
        loaded: keys that the model took over.
        missing: keys of the model that are not in the file.
        unexpected: keys of the file that are not in the model.
        reshaped: keys of both, of different shapes.
        left_out: keys of either that were not to be loaded: the config's ``load_except``,
            and what the model itself leaves out.
    """

    source: str
    loaded: list[str]
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    reshaped: list[Reshaped] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def misfits(self) -> list[str]:
        """All keys that did not fit; with none, the model is filled."""
        return [*self.missing, *self.unexpected, *(key.name for key in self.reshaped)]

    @property
    def wanted(self) -> int:
        """How many tensors of the model the file might have filled."""
        return len(self.loaded) + len(self.missing) + len(self.reshaped)

    def summary(self, sha256: str) -> str:
        """One line on what was loaded from which file, and what was left out."""
        line = f'{len(self.loaded)} {LOADED} {self.source} (sha256 {sha256[:12]})'
        if self.left_out:
            count = counted(len(self.left_out), 'key')
            line += f'; left out: {count} ({_first(self.left_out, 10)})'
        return line

    def problems(self) -> str:
        """What did not fit, in a clause: counts and the first names."""
        return ', '.join(
            f'{_are(keys)} {what} ({_first(keys, 3)})'
            for what, keys in self._groups().items()
            if keys
        )

    def first_missing(self) -> str:
        """Count and first names of what is not in the file; '' if nothing."""
        if not self.missing:
            return ''
        return f'{counted(len(self.missing), "key")} ({_first(self.missing, 3)})'

    def text(self, limit: int | None = None) -> str:
        """The keys that did not fit, one a line, below the heading of their kind.

        Args:
            limit: keys of each kind, of which there are three; all by default.
        """
        lines = [f'{self.source}: keys that fit the model: {len(self.loaded):,}']
        for what, keys in self._groups().items():
            if keys:
                lines.append(f'{_are(keys)} {what}:')
                lines += [f'  {_shown(key)}' for key in keys[:limit]]
            if limit is not None and len(keys) > limit:
                lines[-1] += f', and {len(keys) - limit} more'
        return '\n'.join(lines)

    def _groups(self) -> Mapping[str, Sequence[str | Reshaped]]:
        return {
            'missing': self.missing,
            'unexpected': self.unexpected,
            'of another shape': self.reshaped,
        }


def log_misfits(report: LoadReport) -> None:
    """Warn of the keys that did not fit: the first in the terminal, all in log files."""
    logger = MMLogger.get_current_instance()
    for limit, to_files in ((SHOWN_KEYS, False), (None, True)):
        record = logger.makeRecord(
            logger.name, logging.WARNING, '', 0, report.text(limit), (), None
        )
        for handler in logger.handlers:
            is_file = isinstance(handler, logging.FileHandler)
            if is_file is to_files and record.levelno >= handler.level:
                handler.handle(record)


def _are(keys: Sequence[object]) -> str:
    return f'{counted(len(keys), "key")} {"is" if len(keys) == 1 else "are"}'


def _first(keys: Sequence[str | Reshaped], limit: int) -> str:
    return ', '.join(map(_shown, keys[:limit])) + (', ...' if len(keys) > limit else '')


def _shown(key: str | Reshaped) -> str:
    if isinstance(key, str):
        return printable(key)
    return f'{printable(key.name)} {key.in_file} instead of {key.in_model}'
