"""Names of identities and cameras: any text, but one spelling each, and none for "unknown"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: What programs and people write where they have no value, in lower case.
MISSING_WORDS = frozenset(
    ('', 'nan', 'none', 'null', 'nil', 'na', 'n/a', 'n.a', 'nat', 'inf', 'infinity', 'unknown',
     'undefined', 'missing', 'pd.na', '\\n', 'value!', 'ref!', 'div/0!', 'nan(ind', '1.#qnan')
)  # fmt: skip
# Around such a word: <NA>, #N/A, -inf, (none), N.A.; a dash or question mark is one by itself.
WRAPPING = '<>()[]#+-–—?. '
DECIMAL = re.compile(r'([+-]?)(\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,18}))?', re.ASCII)
# Hyphens and dashes of all widths, and the minus sign.
DASHES = re.compile('[\u2010-\u2015\u2212]')
# Not between digits: '1 1' is hardly 11.
IDLE_SPACE = re.compile(r'(?<!\d) | (?!\d)')


def number_names(names: Iterable[str]) -> dict[str, int]:
    """Every distinct name with its place among them: numbers by value, then all others.

    Identities and cameras may be called anything; the rest of the toolkit takes integers.
    """
    return {name: number for number, name in enumerate(sorted(set(names), key=_place))}


def stands_for_nothing(name: str) -> bool:
    """Whether this is what people and programs write where they know no identity or camera.

    A negative number, as -1 is for junk and unknown cameras in published sets, or a word
    such as ``nan``, ``None`` or ``N/A`` in any case.
    """
    text = _normalized(name)
    number = _decimal(text)
    if number is not None:
        return number[0]
    return text.strip(WRAPPING).casefold() in MISSING_WORDS


def comparable(name: str) -> object:
    """What two spellings of one name have in common.

    Numbers are compared by value (``1``, ``01``, ``1.0``, ``1e0``), other texts after NFKC
    normalization (composed accents, width forms) and without white space, except between
    digits, and invisible characters. Case matters.
    """
    text = _normalized(name)
    return _decimal(text) or text


def find_two_spellings(names: Iterable[str]) -> tuple[str, str] | None:
    """The first of the names that is another spelling of an earlier one: (earlier, this)."""
    seen: dict[object, str] = {}
    for name in names:
        earlier = seen.setdefault(comparable(name), name)
        if earlier != name:
            return earlier, name
    return None


def describe_spellings(earlier: str, name: str) -> str:
    """Both names, so that they can be told apart, and what makes them equal."""
    kind = 'the same number' if isinstance(comparable(name), tuple) else 'the same text'
    # In ASCII: two spellings often look alike.
    both = [ascii(text if len(text) <= 40 else f'{text[:40]}...') for text in (name, earlier)]
    return f'{both[0]} and {both[1]} are {kind}'


def _normalized(name: str) -> str:
    text = ' '.join(unicodedata.normalize('NFKC', name).split())
    if not text.isascii() or not text.isprintable():
        text = DASHES.sub('-', text)
        text = ''.join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
        # Byte order marks, zero-width and control characters.
        text = ''.join(c for c in text if unicodedata.category(c) not in ('Cc', 'Cf'))
    return IDLE_SPACE.sub('', text)


def _decimal(text: str) -> tuple[bool, str, int] | None:
    """Is it negative, its significant digits and exponent; ``None`` if it is no number.

    As text: neither float, which takes near numbers for equal, nor int, which refuses
    thousands of digits.
    """
    match = DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    fraction = match[3] or ''
    digits = (match[2] + fraction).lstrip('0')
    significant = digits.rstrip('0')
    if not significant:
        return False, '0', 0
    exponent = int(match[4] or 0) - len(fraction) + len(digits) - len(significant)
    return match[1] == '-', significant, exponent


def _place(name: str) -> tuple[bool, int, str, str]:
    # By length and digits, not by int(name): that refuses thousands of digits.
    digits = name.lstrip('0') if name.isascii() and name.isdecimal() else None
    return (True, 0, '', name) if digits is None else (False, len(digits), digits, name)
