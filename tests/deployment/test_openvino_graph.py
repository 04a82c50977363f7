import numpy as np
import pytest
import torch
from torch import nn

from msvitreid.models.kernels.sparse_softmax import sparse_softmax

pytest.importorskip('openvino')

from msvitreid.deployment.openvino_graph import core, to_graph


class SparseSoftmax(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k

    def forward(self, logits):
        return (sparse_softmax(logits, self.k),)


@pytest.mark.parametrize('k', [1, 3, 8])
def test_keeps_what_sparse_softmax_keeps(k):
    graph = to_graph(SparseSoftmax(k), 5, 8)
    assert [str(size) for size in graph.input(0).partial_shape] == ['?', '3', '5', '8']
    # Of 8 small integers many tie with the k-th largest.
    logits = torch.randint(-2, 3, (7, 3, 5, 8), generator=torch.Generator().manual_seed(0))
    graph.reshape([7, 3, 5, 8])
    net = core().compile_model(graph, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})
    found, expected = net(logits.float().numpy())[0], sparse_softmax(logits.float(), k).numpy()
    np.testing.assert_array_equal(found > 0, expected > 0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert ((found > 0).sum(-1) == k).all()
    assert k == 8 or (logits.sort().values[..., -k] == logits.sort().values[..., -k - 1]).any()
