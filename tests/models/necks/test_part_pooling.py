import math

import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.models import PartPoolingNeck
from msvitreid.models.necks.part_pooling import root_mean_square
from msvitreid.registry import MODELS

ROWS = torch.arange(5.0).view(1, 1, 5, 1)


def test_five_vectors_in_the_published_order():
    global_map = torch.tensor([[[[3.0], [4.0], [0.0], [0.0], [0.0]]]])
    vectors = [v.item() for v in PartPoolingNeck(2)([global_map, ROWS])]
    assert vectors == pytest.approx([math.sqrt(5), math.sqrt(6), 4, 4, 3])


def test_one_map_serves_both_branches():
    vectors = [v.item() for v in PartPoolingNeck(2)([ROWS])]
    assert vectors == pytest.approx([math.sqrt(6), math.sqrt(6), 4, 4, 3])


@pytest.mark.parametrize(
    ('mode', 'parts', 'maxima'),
    [
        ('interleaved', 3, [3, 4, 2]),
        ('contiguous', 2, [2, 4]),
        ('contiguous', 3, [1, 3, 4]),
        ('interleaved', 1, [4]),
        ('interleaved', 5, [0, 1, 2, 3, 4]),
        ('contiguous', 5, [0, 1, 2, 3, 4]),
    ],
)
def test_parts(mode, parts, maxima):
    vectors = PartPoolingNeck(parts, mode)([ROWS])
    assert [v.item() for v in vectors[3:]] == maxima


@pytest.mark.parametrize('mode', ['interleaved', 'contiguous'])
def test_too_many_parts(mode):
    with pytest.raises(ConfigError, match=f'5 rows .* 6 {mode}'):
        PartPoolingNeck(6, mode)([ROWS])


def test_contiguous_parts_that_would_leave_one_empty():
    with pytest.raises(ConfigError, match=r'5 rows .* 4 contiguous'):
        PartPoolingNeck(4, 'contiguous')([ROWS])


@pytest.mark.parametrize(('option', 'value'), [('part_mode', 'striped'), ('num_parts', -1)])
def test_what_is_no_value(option, value):
    with pytest.raises(ConfigError, match=rf'PartPoolingNeck\.{option}: .* got {value!r}'):
        MODELS.build({'type': 'PartPoolingNeck', option: value})


@pytest.mark.parametrize('mode', ['interleaved', 'contiguous'])
def test_no_parts_leaves_the_vectors_of_whole_maps(mode):
    neck = PartPoolingNeck(0, mode)
    assert [v.item() for v in neck([ROWS])] == pytest.approx([math.sqrt(6), math.sqrt(6), 4])
    assert (neck.count_vectors(2), PartPoolingNeck(2).count_vectors(1)) == (3, 5)


def test_three_maps():
    with pytest.raises(ConfigError, match='one or two maps, got 3'):
        PartPoolingNeck()([ROWS] * 3)


def test_root_mean_square_of_a_dead_channel_has_zero_gradient():
    x = torch.zeros(1, 2, 2, 1, dtype=torch.float64)
    x[0, 1] = 3
    x.requires_grad_()
    pooled = root_mean_square(x)
    assert pooled.tolist() == [[0, 3]]
    pooled.sum().backward()
    assert x.grad.flatten().tolist() == [0, 0, 0.5, 0.5]


def test_root_mean_square_does_not_overflow_in_half_precision():
    assert root_mean_square(torch.full((1, 1, 2, 2), 300.0).half()).item() == 300
