import pytest

from msvitreid.utils.printable import counted


@pytest.mark.parametrize(
    ('number', 'expected'), [(0, '0 epochs'), (1, '1 epoch'), (12_936, '12,936 epochs')]
)
def test_counts_of_one_are_singular(number, expected):
    """The log said ``averaged the weights of 1 epochs``."""
    assert counted(number, 'epoch') == expected
