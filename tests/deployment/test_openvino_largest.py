import numpy as np
import pytest

openvino = pytest.importorskip('openvino')

from openvino import opset15 as ops  # noqa: E402

from msvitreid.deployment import openvino_largest  # noqa: E402
from msvitreid.deployment.openvino_graph import core  # noqa: E402
from msvitreid.deployment.openvino_largest import RowLimits  # noqa: E402


def run(numbers, k):
    images = ops.parameter([-1, *numbers.shape[1:]], np.float32)
    graph = openvino.Model([RowLimits([images], k)], [images])
    assert graph.output(0).partial_shape[-1] == 2
    graph.reshape(numbers.shape)
    net = core().compile_model(graph, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return net(numbers)[0]


def by_hand(row, k):
    places = np.argsort(-row, kind='stable')[:k]
    threshold = row[places[-1]]
    ties = np.flatnonzero(row == threshold)
    all_kept = len(ties) == np.count_nonzero(row[places] == threshold)
    return threshold, len(row) if all_kept else places[-1]


@pytest.mark.parametrize('k', [1, 3, 7])
def test_threshold_and_last_position(k, monkeypatch):
    monkeypatch.setattr(openvino_largest, 'BLOCK_ROWS', 4)
    rng = np.random.default_rng(0)
    # Half of the numbers tie with another.
    numbers = rng.integers(-5, 5, (2, 3, 3, 7)).astype(np.float32)
    expected = np.apply_along_axis(by_hand, -1, numbers, k)
    np.testing.assert_array_equal(run(numbers, k), expected)


def test_shapes_do_not_stick():
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    for rows in (3, 1, 2):
        np.testing.assert_array_equal(run(numbers[:rows], 2)[:, 0], numbers[:rows, 2])
