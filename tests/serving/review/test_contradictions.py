"""Class of faults: identities that no mark supports, or that marks contradict."""

import pytest

from msvitreid.errors import ReviewError
from msvitreid.serving.review.contradictions import require_no_contradiction

from .states import state_of


def names(state):
    return [[image.name for image in one.images] for one in state.identities]


def test_identities_are_components_of_the_marks_same():
    found = state_of('d = c', 'a = b', 'x / a', 'c = e', 'b ? c', 'y ? z')
    assert names(found) == [['a', 'b'], ['c', 'd', 'e']]
    assert names(state_of('U1 = a', 'U1 = b', 'a / c')) == [['a', 'b', 'U1']]
    assert names(state_of()) == []


def test_a_contradiction_names_both_images_and_the_chain_between_them():
    with pytest.raises(ReviewError, match="'a' = 'b' = 'c' = 'd'") as caught:
        require_no_contradiction(state_of('a = b', 'b = c', 'c = d', 'a / d', 'e = f', 'f / e'))
    assert "'f' = 'e'" in str(caught.value)
    assert 'mark 4' in str(caught.value)
    many = state_of(*[f'{n} = {n + 1}' for n in range(6)], *[f'0 / {n}' for n in range(2, 7)])
    with pytest.raises(ReviewError, match='and 2 more'):
        require_no_contradiction(many)
