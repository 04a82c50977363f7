from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msvitreid.demo.drawn import palette
from msvitreid.demo.drawn.identity import (
    Identity,
    deal,
    deal_identities,
    distinguishable,
    draw_identities,
)

SOMEBODY = Identity(
    height='tall',
    build='slim',
    legs='long',
    skin='tan',
    hair='bob',
    hair_color='red',
    upper_color='green',
    pattern='dots',
    second_color='white',
    sleeves='long',
    lower='skirt',
    lower_color='navy',
    shoes='black',
    bag='backpack',
    bag_color='red',
    hat='none',
    hat_color='none',
    carried='none',
)


@pytest.mark.parametrize('seed', range(5))
def test_default_groups_share_every_attribute_and_nobody_is_alike(seed: int) -> None:
    groups = draw_identities((100, 40), np.random.default_rng(seed))
    assert [len(group) for group in groups] == [100, 40]
    for group in groups:
        for field in fields(Identity):
            wearers = Counter(getattr(identity, field.name) for identity in group)
            assert len(wearers) > 1, field.name
            assert min(wearers.values()) >= 2, (field.name, wearers)
    for a, b in combinations([*groups[0], *groups[1]], 2):
        assert sum(x != y for x, y in zip(a.cues(), b.cues(), strict=True)) >= 2


def test_values_are_dealt_evenly() -> None:
    dealt = Counter(deal(('a', 'b', 'c'), 10, np.random.default_rng(0)))
    assert sorted(dealt.values()) == [3, 3, 4]


@given(count=st.integers(4, 60), seed=st.integers(0, 2**32))
def test_every_dealt_value_has_two_takers(count: int, seed: int) -> None:
    dealt = deal(tuple('abcdefghijkl'), count, np.random.default_rng(seed))
    assert len(dealt) == count
    assert min(Counter(dealt).values()) >= 2


@settings(max_examples=20, deadline=None)
@given(count=st.integers(2, 30), seed=st.integers(0, 2**32))
def test_colors_of_absent_things_are_none(count: int, seed: int) -> None:
    for identity in deal_identities(count, np.random.default_rng(seed)):
        assert (identity.second_color == 'none') == (identity.pattern == 'plain')
        assert (identity.bag_color == 'none') == (identity.bag == 'none')
        assert (identity.hat_color == 'none') == (identity.hat == 'none')
        if identity.second_color != 'none':
            colors = palette.GARMENT_COLOURS
            pair = colors[identity.upper_color], colors[identity.second_color]
            assert math.dist(*pair) >= 120


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({}, False),
        ({'shoes': 'red'}, False),
        ({'shoes': 'red', 'skin': 'pale'}, True),
        # A bag and its color are one cue.
        ({'bag': 'none', 'bag_color': 'none'}, False),
        ({'bag': 'none', 'bag_color': 'none', 'legs': 'short'}, True),
    ],
)
def test_distinguishable_asks_for_two_cues(changes: dict[str, str], expected: bool) -> None:
    assert distinguishable([SOMEBODY, replace(SOMEBODY, **changes)]) is expected


def test_thousands_can_be_told_apart() -> None:
    group = draw_identities((2000,), np.random.default_rng(0))[0]
    assert len({identity.cues() for identity in group}) == 2000
