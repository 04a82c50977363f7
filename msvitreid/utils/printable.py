from __future__ import annotations

from collections.abc import Sequence


def escaped(text: str) -> str:
    r"""``text`` with line breaks and control characters as a literal has them: ``\n``."""
    return ''.join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def counted(number: int, noun: str) -> str:
    """``1 epoch``, ``2 epochs``, ``12,936 images``."""
    return f'{number:,} {noun}' + 's' * (number != 1)


def printable(name: str, limit: int = 200) -> str:
    """A name that a file gives, without line breaks and of bearable length."""
    shown = escaped(name[: limit + 1])
    return shown if len(shown) <= limit else f'{shown[:limit]}...'


def aligned(rows: Sequence[Sequence[str]], *, text: bool = False, indent: str = '') -> str:
    """Lines of cells in columns, numbers to the right of the first one, or ``text`` in all."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return '\n'.join(
        indent
        + '  '.join(
            cell.ljust(width) if text or not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def failure(path: str, reason: str) -> str:
    """The sentence about an image that failed, which names its path once."""
    return reason if path in reason else f'{path}: {reason}'
