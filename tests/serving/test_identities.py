"""Class of faults: identities that no mark supports, or that marks contradict."""

import pytest

from msvitreid.errors import ReviewError
from msvitreid.serving.identities import identities
from msvitreid.serving.marks import Image, Mark


def marks(*texts):
    made = []
    for number, text in enumerate(texts, start=1):
        one, sign, other = text.split()
        answer = {'=': 'same', '/': 'different', '?': 'cannot tell'}[sign]
        images = [
            Image('upload' if name[0] == 'U' else 'gallery', name) for name in (one, other)
        ]
        made.append(Mark(number, '', *images, answer, ''))
    return made


def names(groups):
    return [[image.name for image in group] for group in groups]


def test_identities_are_components_of_the_marks_same():
    found = identities(marks('d = c', 'a = b', 'x / a', 'c = e', 'b ? c', 'y ? z'))
    assert names(found) == [['a', 'b'], ['c', 'd', 'e']]
    assert names(identities(marks('U1 = a', 'U1 = b', 'a / c'))) == [['a', 'b', 'U1']]
    assert identities([]) == []


def test_a_contradiction_names_both_images_and_the_chain_between_them():
    with pytest.raises(ReviewError, match="'a' = 'b' = 'c' = 'd'") as caught:
        identities(marks('a = b', 'b = c', 'c = d', 'a / d', 'e = f', 'f / e'))
    assert "'f' = 'e'" in str(caught.value)
    assert 'mark 4' in str(caught.value)
    many = marks(*[f'{n} = {n + 1}' for n in range(6)], *[f'0 / {n}' for n in range(2, 7)])
    with pytest.raises(ReviewError, match='and 2 more'):
        identities(many)
