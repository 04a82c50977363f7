import numpy as np
import pytest

openvino = pytest.importorskip('openvino')

from openvino import opset15 as ops  # noqa: E402

from msvitreid.deployment import row_threshold  # noqa: E402
from msvitreid.deployment.openvino_graph import core  # noqa: E402
from msvitreid.deployment.row_threshold import RowThreshold  # noqa: E402


def run(numbers, k):
    images = ops.parameter([-1, *numbers.shape[1:]], np.float32)
    graph = openvino.Model([RowThreshold([images], k)], [images])
    assert graph.output(0).partial_shape[-1] == 1
    graph.reshape(numbers.shape)
    net = core().compile_model(graph, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return net(numbers)[0]


@pytest.mark.parametrize('k', [1, 3, 7])
def test_is_the_kth_largest(k, monkeypatch):
    monkeypatch.setattr(row_threshold, 'BLOCK_ROWS', 4)
    rng = np.random.default_rng(0)
    # Half of the numbers tie with another.
    numbers = rng.integers(-5, 5, (2, 3, 3, 7)).astype(np.float32)
    expected = [[[[sorted(row)[-k]] for row in group] for group in head] for head in numbers]
    np.testing.assert_array_equal(run(numbers, k), np.array(expected, np.float32))


def test_shapes_do_not_stick():
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    for rows in (3, 1, 2):
        np.testing.assert_array_equal(run(numbers[:rows], 2)[:, 0], numbers[:rows, 2])
