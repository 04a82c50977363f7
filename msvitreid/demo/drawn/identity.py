"""Identities: what stays the same about a person from shot to shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import palette


@dataclass(frozen=True)
class Identity:
    """One person's look; every field is an entry of the palette of the same meaning.

    A color whose thing is absent (bag, hat, second color of a plain garment) is 'none'.
    """

    height: str
    build: str
    legs: str
    skin: str
    hair: str
    hair_color: str
    upper_color: str
    pattern: str
    second_color: str
    sleeves: str
    lower: str
    lower_color: str
    shoes: str
    bag: str
    bag_color: str
    hat: str
    hat_color: str
    carried: str

    def cues(self) -> tuple[object, ...]:
        """The independent things to tell a person by: a thing and its color are one cue."""
        return (
            self.height,
            self.build,
            self.legs,
            self.skin,
            self.hair,
            self.hair_color,
            self.upper_color,
            (self.pattern, self.second_color),
            self.sleeves,
            self.lower,
            self.lower_color,
            self.shoes,
            (self.bag, self.bag_color),
            (self.hat, self.hat_color),
            self.carried,
        )


PALETTES: dict[str, tuple[str, ...]] = {
    'height': tuple(palette.HEIGHTS),
    'build': tuple(palette.BUILDS),
    'legs': tuple(palette.LEGS),
    'skin': tuple(palette.SKINS),
    'hair': palette.HAIR_STYLES,
    'hair_color': tuple(palette.HAIR_COLOURS),
    'upper_color': tuple(palette.GARMENT_COLOURS),
    'pattern': palette.PATTERNS,
    'second_color': tuple(palette.GARMENT_COLOURS),
    'sleeves': palette.SLEEVES,
    'lower': palette.LOWERS,
    'lower_color': tuple(palette.LOWER_COLOURS),
    'shoes': tuple(palette.SHOE_COLOURS),
    'bag': palette.BAGS,
    'bag_color': tuple(palette.ACCESSORY_COLOURS),
    'hat': palette.HATS,
    'hat_color': tuple(palette.ACCESSORY_COLOURS),
    'carried': palette.CARRIED,
}

# The color that goes with a thing, and the value of the thing that has none.
DEPENDENT = {
    'second_color': ('pattern', 'plain'),
    'bag_color': ('bag', 'none'),
    'hat_color': ('hat', 'none'),
}


def deal(values: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """``count`` entries of ``values`` in random order, each equally often (give or take one).

    Fewer entries are used where there would not be two takers for each.
    """
    used = rng.permutation(values)[: max(2, count // 2)]
    deck = np.resize(used, count)
    return [str(value) for value in rng.permutation(deck)]


def deal_identities(count: int, rng: np.random.Generator) -> list[Identity]:
    """``count`` identities, every palette dealt evenly over those who wear it."""
    columns: dict[str, list[str]] = {}
    for name, values in PALETTES.items():
        column = ['none'] * count
        takers = list(range(count))
        if name in DEPENDENT:
            thing, absent = DEPENDENT[name]
            takers = [i for i in takers if columns[thing][i] != absent]
        for i, value in zip(takers, deal(values, len(takers), rng), strict=True):
            column[i] = value
        columns[name] = column
    _swap_for_contrast(columns['upper_color'], columns['second_color'])
    return [
        Identity(**dict(zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]


def draw_identities(counts: Sequence[int], rng: np.random.Generator) -> list[list[Identity]]:
    """Groups of identities of the given sizes, any two of which differ in two cues or more.

    Palettes are dealt within each group, so that each group by itself shares its attributes.
    """
    while True:
        groups = [deal_identities(count, rng) for count in counts]
        if distinguishable([identity for group in groups for identity in group]):
            return groups


def distinguishable(identities: Sequence[Identity]) -> bool:
    """Whether any two of ``identities`` differ in at least two cues."""
    # Two rows differ in fewer than two places if and only if they agree once some place is
    # left out: hashing finds that in linear time.
    seen = set()
    for identity in identities:
        cues = identity.cues()
        for i in range(len(cues)):
            rest = (i, *cues[:i], *cues[i + 1 :])
            if rest in seen:
                return False
            seen.add(rest)
    return True


def _swap_for_contrast(uppers: list[str], seconds: list[str]) -> None:
    """Exchange second colors until each stands out against its upper color.

    Exchanging keeps them dealt evenly. Among a few people there may be nobody to exchange with:
    they get white or black.
    """

    def fits(i: int, second: str) -> bool:
        return palette.stands_out(uppers[i], second)

    takers = [i for i, second in enumerate(seconds) if second != 'none']
    for i in takers:
        if fits(i, seconds[i]):
            continue
        partners = (j for j in takers if fits(i, seconds[j]) and fits(j, seconds[i]))
        j = next(partners, None)
        if j is None:
            seconds[i] = 'white' if fits(i, 'white') else 'black'
        else:
            seconds[i], seconds[j] = seconds[j], seconds[i]
