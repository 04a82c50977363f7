import numpy as np
import pytest

openvino = pytest.importorskip('openvino')

from openvino import opset15 as ops  # noqa: E402

from msvitreid.deployment import kept_logits  # noqa: E402
from msvitreid.deployment.kept_logits import KeptLogits  # noqa: E402
from msvitreid.deployment.openvino_graph import core  # noqa: E402


def run(numbers, k):
    images = ops.parameter([-1, *numbers.shape[1:]], np.float32)
    graph = openvino.Model([KeptLogits([images], k)], [images])
    graph.reshape(numbers.shape)
    net = core().compile_model(graph, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    return net(numbers)[0]


def by_hand(row, k):
    kept = np.full_like(row, -np.inf)
    places = np.argsort(-row, kind='stable')[:k]
    kept[places] = row[places]
    return kept


@pytest.mark.parametrize('k', [1, 3, 6])
def test_keeps_the_k_largest_and_of_ties_the_first(k, monkeypatch):
    monkeypatch.setattr(kept_logits, 'BLOCK_ROWS', 4)
    rng = np.random.default_rng(0)
    # Half of the numbers tie with another.
    numbers = rng.integers(-5, 5, (2, 3, 3, 7)).astype(np.float32)
    expected = np.apply_along_axis(by_hand, -1, numbers, k)
    np.testing.assert_array_equal(run(numbers, k), expected)


def test_shapes_do_not_stick():
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    for rows in (3, 1, 2):
        kept = np.isfinite(run(numbers[:rows], 2))
        np.testing.assert_array_equal(kept, [[False, False, True, True]] * rows)
