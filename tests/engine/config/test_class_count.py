import pytest

from msvitreid.engine.config.class_count import needs_classes, with_class_count


def fail():
    pytest.fail('counted though the config states the number')


def test_head_and_preprocessor_get_the_number():
    model = {
        'head': {'type': 'ImageNetHead'},
        'data_preprocessor': {'type': 'mmpretrain.ClsDataPreprocessor', 'to_rgb': True},
    }
    filled = with_class_count(model, lambda: 7)
    assert filled['head'] == {'type': 'ImageNetHead', 'num_classes': 7}
    assert filled['data_preprocessor'] == {**model['data_preprocessor'], 'num_classes': 7}
    assert 'num_classes' not in model['head']


def test_a_stated_number_stays():
    preprocessor = {'type': 'mmpretrain.ClsDataPreprocessor'}
    model = {'head': {'type': 'ImageNetHead', 'num_classes': 5}}
    assert with_class_count(model, fail) == model
    filled = with_class_count({**model, 'data_preprocessor': preprocessor}, fail)
    assert filled['data_preprocessor']['num_classes'] == 5
    filled = with_class_count(
        {**model, 'data_preprocessor': {**preprocessor, 'num_classes': 6}}, fail
    )
    assert filled['data_preprocessor']['num_classes'] == 6


def test_a_preprocessor_that_takes_no_number_is_left_alone():
    model = {
        'head': {'type': 'BNNeckHead'},
        'data_preprocessor': {'type': 'ReIDDataPreprocessor'},
    }
    filled = with_class_count(model, lambda: 3)
    assert filled['data_preprocessor'] == model['data_preprocessor']
    assert filled['head']['num_classes'] == 3


def test_a_model_without_a_head():
    assert with_class_count({'type': 'Odd'}, fail) == {'type': 'Odd'}
    assert not needs_classes({'type': 'Odd'})


@pytest.mark.parametrize(
    ('head', 'expected'),
    [
        ({'type': 'BNNeckHead'}, False),
        ({'type': 'SingleBNNeckHead'}, False),
        ({'type': 'ImageNetHead'}, True),
        ({'type': 'mmpretrain.LinearClsHead', 'in_channels': 8}, True),
        ({'in_channels': 8}, False),
    ],
)
def test_which_heads_need_classes_in_a_test(head, expected):
    assert needs_classes({'head': head}) is expected
