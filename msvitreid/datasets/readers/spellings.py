"""Names of identities and cameras: any text, but one spelling each, and none for "unknown"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: What programs and people write where they have no value, in lower case.
MISSING_WORDS = frozenset(
    ('', 'nan', 'none', 'null', 'nil', 'na', 'n/a', 'n.a', 'nat', 'inf', 'infinity', 'unknown',
     'undefined', 'undef', 'missing', 'pd.na', 'np.nan', '\\n', 'n/an/a', 'nan(ind')
)  # fmt: skip
# Around such a word: <NA>, #N/A, -inf, (none), N.A.; a dash or question mark is one by itself.
WRAPPING = '<>()[]{}#+-–—?. '
# What spreadsheets show in place of a value, as #VALUE! or Err:502, and C of MSVC, as -1.#IND.
ERROR_VALUE = re.compile(r'#[a-z0/]+[!?]|err:\d{3}|-?1\.#[a-z]+', re.IGNORECASE | re.ASCII)
DECIMAL = re.compile(r'([+-]?)(\d*)(?:[.,](\d*))?(?:[eE]([+-]?\d{1,18}))?', re.ASCII)
# Hyphens and dashes of all widths, and the minus sign.
DASHES = re.compile('[\u2010-\u2015\u2212]')
# Digits in groups of three, as 1,234.5 or 1_234: whole part, separator, fraction.
GROUPED = re.compile(
    r"([+-]?[1-9][0-9]{0,2}(?:([,._' \u2019])[0-9]{3})(?:\2[0-9]{3})*)([.,][0-9]*)?"
)
# The separators of Arabic digits.
SEPARATORS = str.maketrans('\u066b\u066c', '.,')
# How spreadsheets and careful exports mark a text: '1, '1', ="1", =1, "1".
MARKED_AS_TEXT = re.compile(r"""'(.+?)'?|="(.*)"|"(.*)"|=(.+)""")
# Not between digits: '1 1' is hardly 11.
IDLE_SPACE = re.compile(r'(?<!\d) | (?!\d)')
# What shows nothing: Unicode's Default_Ignorable_Code_Point (variation selectors, joiners,
# fillers, tags), control characters, annotation marks and the Braille blank.
INVISIBLE = re.compile(
    '[\0-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5'
    '\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0'
    '\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
)


def number_names(names: Iterable[str]) -> dict[str, int]:
    """Every distinct name with its place among them: numbers by value, then all others.

    Identities and cameras may be called anything; the rest of the toolkit takes integers.
    """
    return {name: number for number, name in enumerate(sorted(set(names), key=_place))}


def named(value: object) -> str:
    """What a value of a column names, as text; '' where it stands for nothing."""
    name = '' if value is None else str(value)
    return '' if stands_for_nothing(name) else name


def stands_for_nothing(name: str) -> bool:
    """Whether this is what people and programs write where they know no identity or camera.

    A negative number, as -1 is for junk and unknown cameras in published sets, or a word
    such as ``nan``, ``None`` or ``N/A`` in any case.
    """
    text = _normalized(name)
    numbers = _numbers(text)
    if numbers:
        return any(is_negative for is_negative, *_ in numbers)
    is_word = text.strip(WRAPPING).casefold() in MISSING_WORDS
    return is_word or ERROR_VALUE.fullmatch(text) is not None


def readings(name: str) -> tuple[object, ...]:
    """What a name may mean; two names that have one in common are spellings of one name.

    Numbers are compared by value (``1``, ``01``, ``1.0``, ``1e0``, ``="1"``). A comma or point
    before three digits may separate thousands or decimals: ``1,000`` means 1 or 1000, and
    ``1_000`` 1000 only. Other texts are compared after NFKC normalization (composed accents,
    width forms), without the marks by which spreadsheets say that something is a text, white
    space except between digits, and invisible characters. Case matters.
    """
    text = _normalized(name)
    return _numbers(text) or (text,)


def find_two_spellings(names: Iterable[str]) -> tuple[str, str] | None:
    """The first of the names that is another spelling of an earlier one: (earlier, this)."""
    seen: dict[object, str] = {}
    for name in names:
        for reading in readings(name):
            earlier = seen.setdefault(reading, name)
            if earlier != name:
                return earlier, name
    return None


def same_names(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Those of ``names`` that two lists share, in whatever spelling, with the other's spelling.

    Within a list a name has one spelling, but two lists are often written by two programs.
    """
    others = list(others)
    known = {reading: other for other in others for reading in readings(other)}
    found = {}
    for name in names:
        match = next((known[r] for r in readings(name) if r in known), None)
        if match is not None:
            found[name] = match
    return found


def describe_spellings(earlier: str, name: str) -> str:
    """Both names, so that they can be distinguished, and what makes them equal."""
    of_name, of_earlier = readings(name), readings(earlier)
    if not isinstance(of_name[0], tuple):
        what = 'are the same text'
    elif len(of_name) == len(of_earlier) == 1:
        what = 'are the same number'
    else:
        what = 'can be read as the same number'
    # In ASCII: two spellings often look alike.
    both = [ascii(text if len(text) <= 40 else f'{text[:40]}...') for text in (name, earlier)]
    return f'{both[0]} and {both[1]} {what}'


def _normalized(name: str) -> str:
    text = name
    if not text.isascii() or not text.isprintable():
        # Before normalization: what is invisible keeps an accent from its letter.
        text = unicodedata.normalize('NFKC', INVISIBLE.sub('', text)).translate(SEPARATORS)
        text = DASHES.sub('-', text)
        text = ''.join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    text = IDLE_SPACE.sub('', ' '.join(text.split()))
    marked = MARKED_AS_TEXT.fullmatch(text)
    return (
        text
        if marked is None
        else next(group for group in marked.groups() if group is not None)
    )


def _numbers(text: str) -> tuple[tuple[bool, str, int], ...]:
    """The numbers that a normalized text may mean."""
    found = [_decimal(text)]
    grouped = GROUPED.fullmatch(text)
    if grouped is not None and not (grouped[3] or '').startswith(grouped[2]):
        whole = grouped[1].replace(grouped[2], '')
        found.append(_decimal(whole + (grouped[3] or '')))
    return tuple(dict.fromkeys(number for number in found if number is not None))


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
