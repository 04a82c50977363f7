"""What of a run's log reaches the terminal."""

from __future__ import annotations

import logging
import sys
from functools import partial

from msvitreid.checkpoints import LOADED
from msvitreid.utils.printable import escaped

#: mmengine's complaints about itself, which no user can correct.
OF_NO_USE = ('"FileClient" will be deprecated', '"HardDiskBackend" is the alias')


class TerminalFilter(logging.Filter):
    """While ``starting``, passes only warnings, errors and what was loaded from weights files."""

    starting = True

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            return not message.startswith(OF_NO_USE)
        return not self.starting or LOADED in message


def begin_start(logger: logging.Logger) -> None:
    """Log to the file only, but for what nobody must miss, until :func:`end_start`.

    A log file that cannot be written, as on a full disk, is one line on the terminal; Python
    would print a traceback for every line of the log.
    """
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = partial(_report, handler)  # type: ignore[method-assign]
        elif isinstance(handler, logging.StreamHandler):
            handler.addFilter(TerminalFilter())


def end_start(logger: logging.Logger) -> None:
    """From now on, log to the terminal as well."""
    for handler in logger.handlers:
        for present in handler.filters:
            if isinstance(present, TerminalFilter):
                present.starting = False


def _report(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    error = sys.exc_info()[1]
    if isinstance(error, OSError):
        handler.handleError = lambda record: None  # type: ignore[method-assign]
        name = escaped(handler.baseFilename)
        print(f'{name}: the log cannot be written ({error.strerror})', file=sys.stderr)
    else:
        logging.Handler.handleError(handler, record)
