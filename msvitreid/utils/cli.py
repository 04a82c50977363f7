"""How every tool starts and fails."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

from msvitreid.errors import ReIDError


def run_tool(main: Callable[[Sequence[str] | None], None]) -> None:
    """Run ``main(None)``; a :class:`ReIDError` becomes one line on stderr and exit code 2."""
    try:
        main(None)
    except ReIDError as error:
        print(f'error: {_sentence(error)}', file=sys.stderr)
        sys.exit(2)


def _sentence(error: ReIDError) -> str:
    """The error's own words, without the traceback a DataLoader worker wraps around them."""
    text = str(error)
    if text.startswith('Caught '):
        return re.split(r'^[\w.]+Error: ', text, flags=re.MULTILINE)[-1].strip()
    return text
