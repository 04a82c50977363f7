"""How an exported file, of which there may be several parts, gets its name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msvitreid.utils.files import (
    cannot_write,
    leftovers_of,
    remove_leftovers,
    remove_temporary,
    temporary_path,
)

from .formats import ExportFormat


@contextmanager
def export_folder(out: Path) -> Iterator[Path]:
    """A folder next to ``out`` to export into, which is removed at the end.

    Raises:
        OutputError: it cannot be made.
    """
    folder = temporary_path(out)
    try:
        folder.mkdir()
    except OSError as error:
        raise cannot_write(out, error) from error
    try:
        yield folder
    finally:
        remove_temporary(folder)


def publish(chosen: ExportFormat, made: Path, out: Path) -> None:
    """Move the files of an export, ``made`` in an :func:`export_folder`, to ``out``.

    At every moment there is at ``out`` the file before, the new one, or none.

    Raises:
        OutputError: a file cannot be moved; what was there before stays where that is possible.
    """
    try:
        if len(chosen.files(out)) > 1 and out.exists():
            # Stopped in between, no graph is left with the weights of another one.
            os.replace(out, _before(made))
        for written, name in zip(chosen.files(made), chosen.files(out), strict=True):
            os.replace(written, name)
    except OSError as error:
        _complete(chosen, made, out)
        raise cannot_write(out, error) from error


def finish_killed(chosen: ExportFormat, out: Path) -> None:
    """Finish or undo what killed exports were moving to ``out``, and remove what they left.

    Weights whose graph is missing get it from there, the one before or the new one: the
    digest says which.
    """
    for folder in leftovers_of(out):
        _complete(chosen, folder / out.name, out)
    remove_leftovers(out)


def _complete(chosen: ExportFormat, made: Path, out: Path) -> None:
    """Put the graph that belongs to the weights at ``out`` there, if it is one of these."""
    others = chosen.files(out)[:-1]
    if not others or out.exists():
        return
    for graph in (_before(made), made):
        # Files that are missing, empty or damaged belong to nothing.
        with suppress(OSError, ValueError):
            if chosen.belong_together([*others, graph]):
                os.replace(graph, out)
                return


def _before(made: Path) -> Path:
    """Where the file that is being replaced waits."""
    return made.with_name(f'{made.name}.before')
