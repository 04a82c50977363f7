from msvitreid.utils.config_diff import Difference, config_diff, flat


def test_flat():
    node = {
        'lr': 0.1,
        'size': (8, 8),
        'net': {'type': 'A', 'act': {}},
        'steps': [{'type': 'B'}, {'type': 'C', 'scale': [1, 2]}],
        'none': None,
    }
    assert flat(node) == {
        'lr': 0.1,
        'size': (8, 8),
        'net.type': 'A',
        'net.act': {},
        'steps.0.type': 'B',
        'steps.1.type': 'C',
        'steps.1.scale': [1, 2],
        'none': None,
    }


def test_values_that_differ():
    left = {'lr': 0.1, 'net': {'type': 'A', 'depth': 5}, 'ap': 'plain'}
    right = {'lr': 0.2, 'net': {'type': 'A', 'depth': '5'}, 'ap': 'plain'}
    assert config_diff(left, right) == [
        Difference('lr', '0.1', '0.2'),
        Difference('net.depth', '5', "'5'"),
    ]
    assert config_diff(left, left) == []


def test_a_key_of_one_side_stands_where_that_side_has_it():
    left = {'a': 1, 'b': {'old': None}, 'z': 1}
    right = {'new': 0, 'a': 2, 'b': {'x': 1, 'y': 2}, 'z': 2}
    assert config_diff(left, right) == [
        Difference('new', '', '0'),
        Difference('a', '1', '2'),
        Difference('b.x', '', '1'),
        Difference('b.y', '', '2'),
        Difference('b.old', 'None', ''),
        Difference('z', '1', '2'),
    ]


def test_a_value_in_place_of_a_dict():
    assert config_diff({'model': None}, {'model': {'type': 'A'}}) == [
        Difference('model.type', '', "'A'"),
        Difference('model', 'None', ''),
    ]


def test_a_list_of_other_length():
    left = {'hooks': [{'type': 'A'}]}
    right = {'hooks': [{'type': 'A'}, {'type': 'B'}]}
    assert config_diff(left, right) == [Difference('hooks.1.type', '', "'B'")]
