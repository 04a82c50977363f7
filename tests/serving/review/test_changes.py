"""Class of faults: a merge or split that touches more, or less, than its scope says."""

import time

import pytest

from msvitreid.errors import ReviewError
from msvitreid.serving.review.changes import (
    checked_name,
    plan_group,
    plan_merge,
    plan_name,
    plan_split,
)

from .states import image, state_of


def images(text):
    return [image(name) for name in text.split()]


def marks(plan):
    return [f'{one.name} {answer} {other.name}' for one, other, answer in plan.marks]


def notes(plan):
    return [f'{action} {of.name} {value}'.strip() for action, of, value in plan.notes]


def parts(plan):
    return [' '.join(one.name for one in part) for part in plan.parts]


def test_a_merge_joins_first_images_and_keeps_the_first_name():
    state = state_of('a = b', 'c = d', 'U1 = e', 'name d Dan', 'name e Eve', 'a ? c')
    plan = plan_merge(state, images('b c e'))
    assert marks(plan) == ['a same c', 'a same e']
    assert parts(plan) == ['a b c d e U1']
    assert plan.names == ('Dan',)
    assert notes(plan) == ['name d', 'name e', 'name a Dan']
    assert [mark.number for mark in plan.replaced] == [6]
    other = plan_merge(state, images('b c e'), 'Ada')
    assert other.names == ('Ada',)
    assert other.digest != plan.digest == plan_merge(state, images('b c e')).digest


def test_a_merge_of_identities_that_differ_names_the_marks():
    state = state_of('a = b', 'c = d', 'b / d', 'a / c', 'e = f')
    with pytest.raises(ReviewError, match="mark 3, 'b' and 'd'; mark 4") as caught:
        plan_merge(state, images('a e c'))
    assert 'mark 5' not in str(caught.value)
    for one in ('a b', 'a a'):
        with pytest.raises(ReviewError, match='one identity'):
            plan_merge(state, images(one))


def test_a_split_turns_crossing_marks_and_joins_what_hung_on_the_other_part():
    state = state_of('h = a', 'h = b', 'h = c', 'U1 = a', 'U2 = h', 'U2 = b', 'name a Ada')
    plan = plan_split(state, images('a b'), 'Bob')
    assert parts(plan) == ['a b U1', 'c h U2']
    assert plan.names == ('Bob', 'Ada')
    assert marks(plan) == ['h different a', 'h different b', 'U2 different b', 'a same b']
    assert [mark.number for mark in plan.replaced] == [1, 2, 6]
    assert notes(plan) == ['name a', 'name c Ada', 'name a Bob']
    rest_hung_on_part = plan_split(state, images('h'))
    assert parts(rest_hung_on_part) == ['h', 'a b c U1 U2']
    assert marks(rest_hung_on_part)[-1] == 'a same c'


def test_a_split_notes_recorded_identities_that_are_wrong():
    state = state_of('a = b', 'b = c')
    recorded = {'a': '7', 'b': '7', 'c': '8'}
    assert notes(plan_split(state, images('a'), recorded=recorded)) == ['detached a 7']
    assert notes(plan_split(state, images('c'), recorded=recorded)) == []


def test_a_split_that_is_none_is_refused():
    state = state_of('a = b', 'c = d', 'e = U1')
    for text in ('a b', 'e', 'x', 'a c'):
        with pytest.raises(ReviewError):
            plan_split(state, images(text))
    apart = state_of('h = a', 'h = b', 'a / b')
    with pytest.raises(ReviewError, match='mark 3'):
        plan_split(apart, images('a b'))


def test_a_split_solves_a_contradiction():
    state = state_of('a = b', 'b = c', 'a / c')
    assert marks(plan_split(state, images('c'))) == ['b different c']


def test_names_are_given_and_taken():
    state = state_of('a = b', 'name b Bea')
    assert notes(plan_name(state, image('a'), 'Ada')) == ['name b', 'name a Ada']
    assert notes(plan_name(state, image('a'), '')) == ['name b']
    assert notes(plan_name(state_of('name a Ada'), image('a'), 'Ada')) == []
    assert checked_name(' Zoe\u0308 ') == 'Zo\u00eb'
    for wrong in ('x' * 81, 'a\nb', 'a\u200bb', '-1', 'unknown', 'NaN'):
        with pytest.raises(ReviewError):
            checked_name(wrong)


def test_a_group_joins_identities_and_parts_what_was_removed():
    state = state_of('a = b', 'c / d', 'a / x')
    assert marks(plan_group(state, images('a b c'), images('d e'))) == [
        'a same c',
        'a different d',
        'a different e',
    ]
    with pytest.raises(ReviewError, match='mark 2'):
        plan_group(state, images('a c d'))
    with pytest.raises(ReviewError, match='mark 3'):
        plan_group(state, images('b x'))
    with pytest.raises(ReviewError, match="'b' and 'a'"):
        plan_group(state, images('a c'), images('b'))


@pytest.mark.parametrize('name', ["=cmd()|'x'!A0", '+1+1', '@SUM(1)', '-a', '=1'])
def test_a_name_that_a_spreadsheet_would_run_is_refused(name):
    with pytest.raises(ReviewError, match='formula'):
        checked_name(name)
    assert checked_name(f'x{name}') == f'x{name}'
    assert checked_name('+5') == '+5'


def test_a_group_of_5000_is_planned_soon():
    """All pairs were looked at: 27 seconds, in which nobody else could mark."""
    ids = [image(f'i{number}') for number in range(5000)]
    started = time.process_time()
    plan = plan_group(state_of('i0 = i1'), ids[:4000], ids[4000:])
    assert (len(plan.marks), len(plan.parts[0])) == (4998, 4000)
    assert time.process_time() - started < 5
    state = state_of('i0 = i1', 'i4999 = i1')
    with pytest.raises(ReviewError, match="'i4999' and 'i0'"):
        plan_group(state, ids[:4000], ids[4000:])
    state = state_of('i0 = i1', 'i1 / i2', 'i3 / i0', 'i0 / x')
    with pytest.raises(ReviewError, match="mark 2, 'i1' and 'i2'; mark 3, 'i3' and 'i0'"):
        plan_group(state, ids)
