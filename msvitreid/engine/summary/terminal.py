"""What of a run's log reaches the terminal."""

from __future__ import annotations

import logging
import sys

from msvitreid.checkpoints import LOADED
from msvitreid.utils.printable import escaped

#: mmengine's complaints about itself, which no user can correct.
OF_NO_USE = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


class TerminalFilter(logging.Filter):
    """Leaves what a run logs while it is built to its log file; a summary follows.

    While ``starting``, only warnings, errors and what was loaded from weights files pass.
    """

    def __init__(self) -> None:
        super().__init__()
        self.starting = True

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            return not message.startswith(OF_NO_USE)
        return not self.starting or LOADED in message


def begin_start(logger: logging.Logger) -> None:
    """Log to the file only, but for what nobody must miss, until :func:`end_start`."""
    for handler in logger.handlers:
        # A file handler is a stream handler too.
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.addFilter(TerminalFilter())


def end_start(logger: logging.Logger) -> None:
    """From now on, log to the terminal as well."""
    for handler in logger.handlers:
        for present in handler.filters:
            if isinstance(present, TerminalFilter):
                present.starting = False


def warn_of_lost_log(logger: logging.Logger) -> None:
    """Say once on the terminal that the log file cannot be written, as on a full disk.

    Python would print a traceback for every line of the log.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _LostLog(handler)  # type: ignore[method-assign]


class _LostLog:
    def __init__(self, handler: logging.FileHandler) -> None:
        self._handler = handler
        self._warned = False

    def __call__(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logging.Handler.handleError(self._handler, record)
        elif not self._warned:
            self._warned = True
            name = escaped(self._handler.baseFilename)
            print(f'{name}: the log cannot be written ({error.strerror})', file=sys.stderr)
