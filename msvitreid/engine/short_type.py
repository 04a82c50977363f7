from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def short_type(node: Any) -> str:
    """The type a config names, by name or as a class, without scope; '' if it names none."""
    kind = node.get('type') if isinstance(node, Mapping) else None
    if isinstance(kind, type):
        return kind.__name__
    return str(kind or '').rpartition('.')[2]
