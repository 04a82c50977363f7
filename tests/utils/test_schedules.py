import pytest

from msvitreid.utils.schedules import published_schedule


@pytest.mark.parametrize(
    ('options', 'last', 'tail', 'length', 'start'),
    [
        ({}, 100, 60, 70, 0.208),
        ({'epochs': (5, 45)}, 70, 36, 40, 0.208),
        ({'epochs': (2, 19), 'extra': 3}, 22, 15, 17, 0.505),
        ({'epochs': (10, 100), 'ratio': 1.0, 'extra': 0}, 100, 100, 90, 0.109),
    ],
)
def test_what_the_published_flags_mean(options, last, tail, length, start):
    loop, (warm_up, cosine), (averaging,) = published_schedule(**options)
    assert loop['max_epochs'] == last
    assert (warm_up['start_factor'], warm_up['end'] - 1) == (start, cosine['begin'])
    assert (cosine['T_max'], cosine['end'], averaging['begin']) == (length, tail, tail)


@pytest.mark.parametrize(
    'options',
    [
        *({'epochs': (5, 6)}, {'ratio': 1.2}, {'epochs': (0, 75)}, {'ratio': 0}),
        *(
            {'epochs': 5},
            {'epochs': (5.5, 20)},
            {'ratio': '0.8'},
            {'extra': -30},
            {'extra': True},
        ),
    ],
)
def test_a_tail_outside_of_the_cosine_is_refused(options):
    with pytest.raises(ValueError, match='published_schedule'):
        published_schedule(**options)
