"""The graph that is exported; class of faults: another net by another operation."""

import numpy as np
import pytest
import torch
from torch import nn

from msvitreid.deployment.export import WholeNet, by_position, by_threshold, find_format
from msvitreid.deployment.export.formats import example, reason_of
from msvitreid.errors import ConfigError
from msvitreid.models.kernels.sparse_softmax import sparse_softmax
from msvitreid.models.preprocessor import ReIDDataPreprocessor
from msvitreid.registry import MODELS
from tests.models.tiny import joined_reid_model

EVERYTHING = ('preprocess', 'flip', 'normalize')


def rows():
    """Random rows, rows in which many tie with the k-th largest, and rows of one number."""
    generator = torch.Generator().manual_seed(0)
    many = torch.randn(200, 12, generator=generator)
    tied = torch.randint(-1, 2, (400, 12), generator=generator).float()
    return torch.cat([many, tied, torch.zeros(2, 12), torch.full((2, 12), -3.5)])


class Selected(nn.Module):
    def __init__(self, select, k):
        super().__init__()
        self.select, self.k = select, k

    def forward(self, logits):
        return self.select(logits, self.k)


def check(found, logits, k):
    expected = sparse_softmax(logits, k).numpy()
    np.testing.assert_array_equal(found > 0, expected > 0)
    assert ((found > 0).sum(-1) == k).all()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize('k', [1, 4, 11])
def test_the_threshold_keeps_what_sparse_softmax_keeps(k):
    check(by_threshold(rows(), k).numpy(), rows(), k)


@pytest.mark.parametrize('select', [by_position, by_threshold])
def test_onnx_runtime_keeps_what_sparse_softmax_keeps(select, tmp_path):
    """ONNX's TopK gives the first of equal numbers first; torch's does not say."""
    onnxruntime = pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    path = tmp_path / 'selection.onnx'
    program = torch.onnx.export(
        Selected(select, 4).eval(),
        (rows(),),
        dynamo=True,
        input_names=['logits'],
        verbose=False,
    )
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    check(session.run(None, {'logits': rows().numpy()})[0], rows(), 4)


def test_nan_is_seen_in_the_result():
    logits = rows()[:3].clone()
    logits[1, 5] = torch.nan
    found = by_threshold(logits, 4)
    assert found[1].isnan().all()
    assert not found[[0, 2]].isnan().any()


def pictures():
    """Ordinary ones, a constant one, and one whose half is erased."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (4, 3, 64, 32), generator=generator, dtype=torch.uint8)
    images[1] = 90
    images[2, :, 20:] = 0
    return images


def test_everything_inside_gives_embeddings(tiny):
    model, _ = tiny
    batch = model.data_preprocessor({'inputs': pictures()})['inputs']
    with torch.no_grad():
        expected = model.embed(batch, flip=True)
        found = WholeNet(model, EVERYTHING, by_threshold)(pictures())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_nothing_inside_gives_features(tiny):
    model, _ = tiny
    batch = model.data_preprocessor({'inputs': pictures()})['inputs']
    net = WholeNet(model, (), by_threshold)
    assert net.input_dtype == torch.float32
    assert example(net, (64, 32)).dtype == torch.float32
    with torch.no_grad():
        expected = torch.cat(model(batch), dim=1)
        torch.testing.assert_close(net(batch), expected, rtol=1e-4, atol=1e-4)


def test_the_model_stays_as_it_is(tiny):
    model, _ = tiny
    before = {name: value.clone() for name, value in model.state_dict().items()}
    WholeNet(model, EVERYTHING, by_threshold)
    assert before.keys() == model.state_dict().keys()
    for module in model.modules():
        assert 'shares' not in vars(module)


def test_mean_and_deviation_are_inside(tiny):
    model, _ = tiny
    model.data_preprocessor, kept = (
        ReIDDataPreprocessor(mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]),
        model.data_preprocessor,
    )
    try:
        batch = model.data_preprocessor({'inputs': pictures()})['inputs']
        with torch.no_grad():
            expected = model.embed(batch, flip=False)
            net = WholeNet(model, ('preprocess', 'normalize'), by_threshold)
            torch.testing.assert_close(net(pictures()), expected, rtol=0, atol=1e-5)
    finally:
        model.data_preprocessor = kept


def test_a_preprocessing_of_ones_own_stays_outside(tiny):
    class Own(ReIDDataPreprocessor):
        pass

    model, _ = tiny
    model.data_preprocessor, kept = Own(), model.data_preprocessor
    try:
        with pytest.raises(ConfigError, match='Own'):
            WholeNet(model, ('preprocess',), by_threshold)
        WholeNet(model, (), by_threshold)
    finally:
        model.data_preprocessor = kept


@pytest.mark.parametrize('name', ['onnx', 'openvino', 'torchscript', 'torch-export'])
def test_dense_attention_and_joined_nets(name, tmp_path):
    """Attention to all keys is no operation that only this package knows."""
    chosen = find_format(name)
    if chosen.missing():
        pytest.skip(f'{name} is not installed')
    torch.manual_seed(0)
    model = MODELS.build(joined_reid_model()).eval()
    net = WholeNet(model, EVERYTHING, chosen.select)
    path = tmp_path / f'net{chosen.suffix}'
    chosen.write(net, (64, 32), path, {}, 'float32', None)
    images = torch.randint(0, 256, (3, 3, 64, 32), dtype=torch.uint8)
    with torch.no_grad():
        expected = model.embed(model.data_preprocessor({'inputs': images})['inputs'], flip=True)
    with torch.autocast('cpu', torch.bfloat16):
        _, run, _ = chosen.read(path)
        found = run(images.numpy())
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5)


def test_the_reason_is_that_of_the_first_error():
    first, second = RuntimeError('no such\n operation \x1b[96m'), RuntimeError('step 3 failed')
    second.__cause__ = first
    assert reason_of(second) == r'no such operation \x1b[96m'
    assert reason_of(ValueError()) == 'ValueError'
    assert len(reason_of(ValueError('long ' * 100))) < 210
    first.__cause__ = second
    assert reason_of(second) == r'no such operation \x1b[96m'
