from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """The end of an error: ``"; did you mean 'a' or 'b'?"``, or '' where nothing is near.

    Case does not count.
    """
    lowered = {name.lower(): name for name in sorted(known)}
    near = difflib.get_close_matches(wrong.lower(), lowered, n=3)
    if not near:
        return ''
    return '; did you mean ' + ' or '.join(repr(lowered[name]) for name in near) + '?'
