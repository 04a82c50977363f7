from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msvitreid.datasets.readers.spellings import (
    describe_spellings,
    find_two_spellings,
    named,
    number_names,
    readings,
    same_names,
    stands_for_nothing,
)


@pytest.mark.parametrize(
    'name',
    ['nan', 'NaN', 'None', 'null', '-1.0', 'NULL', 'NA', 'n/a', '<NA>', 'inf', '-inf', '-1e0', '-1',
     '−1', '-2', 'N.A.', '#N/A', '-nan', 'NaT', 'Unknown', '(none)', '?', '-', '', ' ', '\u200b',
     'ｎａｎ', ' nan', '\ufeffnull', '-01', '-1,0', '-.5',
     "'nan", '="-1"', '="N/A"', '=""', 'n\ufe0fan', '\u3164', '-1,000', '-1_000',
     '#VALUE!', '#REF!', '#DIV/0!', '-nan(ind)', '1.#QNAN', r'\N', 'pd.NA', '–1', '\u20101',
     '#N/A N/A', '1.#IND', '-1.#IND', '1.#INF', '#NULL!', '#NUM!', '#NAME?', '#SPILL!', 'Err:502',
     "'None'", "'-1'", '{null}', 'undef', 'np.nan'],
)  # fmt: skip
def test_what_stands_for_no_identity_and_no_camera(name):
    """A missing value must not become one more person or camera."""
    assert stands_for_nothing(name)


@pytest.mark.parametrize(
    'name',
    ['0', '-0', '1', 'anna', 'nana', 'Nancy', 'null1', 'c-1', '1-1', 'cam1', 'inf2', '00-1',
     '+1', 'A', "'", '=', '1,000', "'1'", '#1', '#name', 'name?', 'Err:5', 'Err:5021', '1.#', "''",
     "'s-Gravenhage"],
)  # fmt: skip
def test_what_is_a_name(name):
    assert not stands_for_nothing(name)


@pytest.mark.parametrize(
    ('value', 'name'), [('c1', 'c1'), (7, '7'), (0, '0'), (-1, ''), (None, ''), ('nan', '')]
)
def test_what_a_value_names(value, name):
    assert named(value) == name


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('1', '1.0'),
        ('1', '01'),
        ('1', "'1'"),
        ('1', '+1'),
        ('10', '1e1'),
        ('10', '1,0E+1'),
        ('0.10', '.1'),
        ('0', '-0.00'),
        ('1', '１'),
        ('3', '٣'),
        ('2', '²'),
        ('9' * 5000, f'0{"9" * 5000}.0'),
        ('José', 'Jose\u0301'),
        ('ｃａｍ１', 'cam1'),
        ('cam 1', 'cam  1'),
        ('cam 1', 'cam\u00a01'),
        ('cam 1', 'cam1'),
        ('door', 'door '),
        ('door', 'do\u00ador'),
        ('door', 'door\u200b'),
    ],
)
def test_two_spellings_of_one_name(one, other):
    """One camera under two names switches the Market rule off without a word."""
    assert find_two_spellings(['x', one, 'y', other]) == (one, other)
    assert set(readings(one)) & set(readings(other))


@pytest.mark.parametrize(
    'mark',
    [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x180B, 0x180E, 0x200D, 0x202E, 0x2060,
     0x206A, 0x2800, 0x3164, 0xFE00, 0xFE0F, 0xFEFF, 0xFFA0, 0xFFF0, 0x1BCA0, 0x1D173,
     0xE0001, 0xE0100, 0x07, 0x00],
)  # fmt: skip
def test_what_shows_nothing_makes_no_second_name(mark):
    """Characters without a picture: all of Unicode's default-ignorable ones, not a few of them."""
    for name in ('1', 'door', 'e\u0301'):
        assert find_two_spellings([name, f'{name[0]}{chr(mark)}{name[1:]}']) is not None


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('1000', '1,000'),
        ('1000', '1.000'),
        ('1000', '1_000'),
        ('1000', '1 000'),
        ('1000', '1\u202f000'),
        ('1000', "1'000"),
        ('1000', '1\u2019000'),
        ('1000', '١٬٠٠٠'),
        ('1000000', '1,000,000.0'),
        ('1234.5', '1.234,50'),
        ('1', '1,000'),
        ('1', "'1"),
        ('1', '="1"'),
        ('1', '=1'),
        ('1', '"01"'),
        ('anna', '="anna"'),
        ('anna', "'anna"),
    ],
)
def test_numbers_as_programs_write_them(one, other):
    """Thousands separators and the marks of spreadsheets made a second identity of a number."""
    assert find_two_spellings([one, 'x', other]) == (one, other)


def test_what_makes_two_names_equal_is_said():
    assert describe_spellings('1', '01') == "'01' and '1' are the same number"
    assert 'can be read as the same number' in describe_spellings('1', '1,000')
    assert 'the same text' in describe_spellings('a', 'a\ufe0f')


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('1', '11'),
        ('1', '1_000'),
        ('123', '0,123'),
        ('1000', '1,00'),
        ('1000', '10_00'),
        ('1000', '1,000,5'),
        ("O'Neil", 'ONeil'),
        ('1 1', '11'),
        ('anna', 'Anna'),
        ('c1', 'c01'),
        ('1', 'c1'),
        ('1.0', '10'),
        ('12345678901234567890', '12345678901234567891'),
        ('0.1', '0.10000000000000001'),
        ('1e5', '1e6'),
        ('1e999999999999999999', '1e999999999999999998'),
    ],
)
def test_two_names(one, other):
    assert find_two_spellings([one, other, one]) is None


numbers = st.integers(0, 10**20)


@st.composite
def spellings(draw, number):
    text = str(number)
    fraction = '.' + '0' * draw(st.integers(1, 3)) if draw(st.booleans()) else ''
    text = draw(st.sampled_from(['', '+'])) + '0' * draw(st.integers(0, 3)) + text + fraction
    if draw(st.booleans()):
        text += f'e{draw(st.sampled_from(["", "+", "-"]))}0'
    return (
        text.translate({48 + d: 0xFF10 + d for d in range(10)}) if draw(st.booleans()) else text
    )


@given(number=numbers, data=st.data())
def test_any_two_spellings_of_a_number_are_found(number, data):
    one, other = data.draw(spellings(number)), data.draw(spellings(number))
    assert find_two_spellings([one, other]) == (None if one == other else (one, other))


@given(numbers, numbers)
def test_different_numbers_are_different_names(one, other):
    assert (readings(str(one)) == readings(str(other))) == (one == other)


@given(st.text())
def test_normal_forms_of_a_text_are_one_name(text):
    forms = {unicodedata.normalize(form, text) for form in ('NFC', 'NFD', 'NFKC', 'NFKD')}
    assert len({readings(form) for form in forms}) == 1
    assert readings(f' {text}\t') == readings(text)


def test_names_that_two_lists_share():
    found = same_names(['01', '2', 'anna', '1,000'], ['1', '1000', 'Anna', 'anna'])
    assert found == {'01': '1', 'anna': 'anna', '1,000': '1'}


def test_numbers_come_before_names():
    assert number_names(['b', '10', 'a', '9', '10']) == {'9': 0, '10': 1, 'a': 2, 'b': 3}
