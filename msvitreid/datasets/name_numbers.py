from __future__ import annotations

from collections.abc import Iterable


def number_names(names: Iterable[str]) -> dict[str, int]:
    """Every distinct name with its place among them: numbers by value, then all others.

    Identities and cameras may be called anything; the rest of the toolkit takes integers.
    """
    return {name: number for number, name in enumerate(sorted(set(names), key=_place))}


def _place(name: str) -> tuple[bool, int, str, str]:
    # By length and digits, not by int(name): that refuses thousands of digits.
    digits = name.lstrip('0') if name.isascii() and name.isdecimal() else None
    return (True, 0, '', name) if digits is None else (False, len(digits), digits, name)
