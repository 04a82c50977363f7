import re

import numpy as np
import pytest
import torch
from torch import nn

from msvitreid.deployment.export import WholeNet, by_threshold
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.kernels.sparse_softmax import sparse_softmax
from msvitreid.registry import MODELS
from tests.models.kernels.test_sparse_softmax import ODD_ROWS
from tests.models.tiny import joined_reid_model, tiny_reid_model

pytest.importorskip('openvino')

from msvitreid.deployment.openvino_graph import FLOAT32_NODES, core, to_graph


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


@pytest.mark.parametrize('k', [1, 2, 4, 5])
def test_odd_rows(k):
    """As torch, but that NaN may stay at some positions of its row only."""
    rows = torch.tensor(list(ODD_ROWS.values()), dtype=torch.float32)
    logits = rows.expand(2, 3, *rows.shape).contiguous()
    found, expected = run(SparseSoftmax(k), logits), sparse_softmax(logits, k).numpy()
    has_nan = np.isnan(expected).any(-1)
    np.testing.assert_array_equal(np.isnan(found).any(-1), has_nan)
    np.testing.assert_allclose(found[~has_nan], expected[~has_nan], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found[~has_nan] > 0, expected[~has_nan] > 0)


class Attention(nn.Module):
    def __init__(self, split, ratio):
        super().__init__()
        self.attention = SparseGridAttention(1, split, ratio)

    def forward(self, x):
        return (self.attention(x, x.roll(1, -1), x + 1),)


MAPS = {
    'ordinary': torch.randn(2, 3, 8, 4, generator=torch.Generator().manual_seed(0)),
    'equal': torch.ones(2, 3, 8, 4),
    'zero': torch.zeros(2, 3, 8, 4),
    'two values': torch.arange(192.0).view(2, 3, 8, 4) % 2,
    'subnormal': torch.full((2, 3, 8, 4), 1e-40),
}
MAPS['infinite'] = MAPS['ordinary'].clone()
MAPS['infinite'][0, 0, 0, 0] = torch.inf


@pytest.mark.parametrize(
    ('split', 'ratio'), [((1, 1), 1), ((2, 1), 0.5), ((2, 1), 1), ((4, 4), 1 / 16)]
)
def test_attention_of_odd_maps_and_small_groups(split, ratio):
    net = Attention(split, ratio).eval()
    for name, images in MAPS.items():
        with torch.no_grad():
            expected = net(images)[0].numpy()
        np.testing.assert_allclose(
            run(net, images), expected, rtol=1e-5, atol=1e-5, equal_nan=True, err_msg=name
        )


def run(net, images):
    graph = to_graph(net, *images.shape[2:])
    graph.reshape(list(images.shape))
    return core().compile_model(graph, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'})(
        images.numpy()
    )[0]


@pytest.mark.parametrize(
    ('config', 'joined'), [(joined_reid_model(), True), (tiny_reid_model(), False)]
)
def test_what_a_backbone_computes_itself_stays_in_float32(config, joined):
    """Only joined nets do: they normalize images, and the length of embeddings."""
    net = WholeNet(MODELS.build(config).eval(), (), by_threshold)
    names = [node.get_friendly_name() for node in to_graph(net, 64, 32).get_ops()]
    found = [name for name in names if name.startswith('__module.backbone/aten::')]
    assert bool(found) is joined
    assert all(any(re.fullmatch(one, name) for one in FLOAT32_NODES) for name in found)
