"""A net in OpenVINO against the plain transcription, and what it refuses."""

import copy

import pytest
import torch

from msvitreid.deployment import openvino_net, use_openvino
from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.errors import ConfigError
from msvitreid.models import ReIDModel
from tests.models.golden import erased_images, golden, images, reid_net
from tests.models.tiny import TINY_ARCH, tiny_tested_net
from tests.plain import net as plain

pytest.importorskip('openvino')


def net(**backbone):
    return tiny_tested_net(**{'arch': {**TINY_ARCH, 'blocks': (1, 2, 1, 1)}, **backbone})


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope='module')
def tiny():
    return net()


@pytest.fixture(scope='module')
def deployed(tiny):
    return use_openvino(tiny)


@pytest.mark.parametrize('size', [(1, 64, 32), (3, 64, 32), (9, 64, 32), (4, 32, 96)], ids=str)
@torch.inference_mode()
def test_features_are_those_of_the_plain_net(tiny, deployed, size):
    batch = torch.rand(size[0], 3, *size[1:])
    expected, found = plain.features(tiny, batch), deployed(batch)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('ratio', [0.25, 1.0], ids=['k = 1', 'k = all'])
@pytest.mark.parametrize('act', ['ReLU', 'GELU'])
@torch.inference_mode()
def test_fewest_and_all_keys(ratio, act):
    model = net(sparse_ratio=ratio, act_cfg=dict(type=act))
    batch = torch.rand(2, 3, 64, 32)
    expected = torch.cat(plain.features(model, batch), 1)
    found = torch.cat(use_openvino(model)(batch), 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_keeps_exactly_k_keys_that_tie(tiny):
    """On one color all tokens but those at the border are alike, so are their logits."""
    batch = torch.full((1, 3, 128, 64), 0.5)
    expected, found = torch.cat(tiny(batch), 1), torch.cat(use_openvino(tiny)(batch), 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_golden_embedding():
    model = reid_net(2, split_size=(8, 8), sparse_ratio=0.3).eval()
    embedding = use_openvino(model).embed(images(2, 384, 128, 2).float())
    expected = torch.from_numpy(golden('reid_s_384x128')['embedding'])
    assert (embedding - expected).norm() < 1e-2 * expected.norm()


@torch.inference_mode()
def test_golden_embedding_of_constant_areas():
    """Keeping all keys that tie is off by 0.01 to 0.33 of the norm."""
    model = reid_net(3, split_size=(8, 8), sparse_ratio=0.3).eval()
    embedding = use_openvino(model).embed(erased_images(2, 384, 128, 3).float())
    expected = torch.from_numpy(golden('reid_s_erased_384x128')['embedding'])
    assert (embedding - expected).norm() < 5e-3 * expected.norm()


@torch.inference_mode()
def test_threads_change_nothing(tiny, deployed):
    batch = torch.rand(11, 3, 64, 32)
    expected, found = deployed(batch), use_openvino(tiny, threads=3)(batch)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_embeds_and_predicts_as_before(tiny, deployed):
    batch = torch.rand(5, 3, 64, 32)
    expected = plain.embed(tiny, batch)
    torch.testing.assert_close(deployed.embed(batch), expected, rtol=0, atol=1e-4)
    raw = {'inputs': (batch * 255).byte()}
    ours, theirs = deployed.test_step(raw), tiny.test_step(raw)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.embedding, other.embedding, rtol=0, atol=1e-4)
    assert deployed.embed(batch[:0]).shape == (0, expected.shape[1])


def test_the_model_itself_stays_as_it_is():
    model = net()
    before = copy.deepcopy(model.state_dict())
    trained = [weight.requires_grad for weight in model.parameters()]
    deployed = use_openvino(model)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert [weight.requires_grad for weight in model.parameters()] == trained
    assert isinstance(deployed, ReIDModel)
    assert not list(deployed.parameters())


@pytest.mark.parametrize('duplicate', [copy.deepcopy, fuse_for_inference])
@torch.inference_mode()
def test_copies_after_it_ran(tiny, duplicate):
    batch = torch.rand(5, 3, 64, 32)
    deployed = use_openvino(tiny)
    expected = deployed.embed(batch)
    again = duplicate(deployed)
    torch.testing.assert_close(again.embed(batch), expected, rtol=0, atol=1e-6)
    assert again.backbone._compiled is not deployed.backbone._compiled
    torch.testing.assert_close(deployed.embed(batch), expected, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_another_backbone():
    torchvision = pytest.importorskip('torchvision')

    class Net(torch.nn.Module):
        out_channels = 512

        def __init__(self):
            super().__init__()
            layers = list(torchvision.models.resnet18().children())
            self.layers = torch.nn.Sequential(*layers[:-2])

        def forward(self, x):
            return (self.layers(x),)

    torch.manual_seed(0)
    model = ReIDModel(
        backbone=dict(type=Net),
        neck=dict(type='GlobalPoolingNeck', pooling='gem'),
        head=dict(type='SingleBNNeckHead'),
    ).eval()
    batch = torch.rand(5, 3, 64, 32)
    (expected,), (found,) = model(batch), use_openvino(model)(batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope='module')
def int8(tiny):
    pytest.importorskip('nncf')
    return use_openvino(tiny, torch.rand(8, 3, 64, 32, generator=seeded(1)))


@torch.inference_mode()
def test_int8_is_close_and_not_exact(tiny, int8):
    batch = torch.rand(6, 3, 64, 32, generator=seeded(2))
    expected, found = tiny.embed(batch), int8.embed(batch)
    cosine = (expected * found).sum(1)
    assert cosine.min() > 0.95
    assert cosine.max() < 1 - 1e-6, 'as exact as float32'
    alone = torch.cat([int8.embed(image[None]) for image in batch])
    torch.testing.assert_close(alone, found, rtol=0, atol=1e-5)


def test_int8_leaves_selection_and_pooling_in_float32(int8):
    """A limit rounded to one of 256 selects other keys, and not exactly k; so does a square."""
    (graph,) = int8.backbone._graphs.values()
    for kind in ('Less', 'Equal', 'Power', 'Sqrt'):
        nodes = [node for node in graph.get_ops() if node.get_type_name() == kind]
        inputs = [value.get_node() for node in nodes for value in node.input_values()]
        assert inputs, kind
        assert 'FakeQuantize' not in {node.get_type_name() for node in inputs}, kind


def test_int8_refuses_other_sizes(int8):
    with pytest.raises(ConfigError, match=r'64x32 .* 32x64'):
        int8(torch.rand(1, 3, 32, 64))


@torch.inference_mode()
def test_int8_takes_the_place_of_what_ran_before(tiny, int8):
    batch = torch.rand(3, 3, 64, 32, generator=seeded(2))
    net = use_openvino(tiny)
    net.embed(batch)
    net.backbone.quantize(torch.rand(8, 3, 64, 32, generator=seeded(1)))
    torch.testing.assert_close(net.embed(batch), int8.embed(batch), rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_copy_of_int8_keeps_its_ranges(int8):
    batch = torch.rand(3, 3, 64, 32, generator=seeded(2))
    expected = int8.embed(batch)
    again = copy.deepcopy(int8)
    torch.testing.assert_close(again.embed(batch), expected, rtol=0, atol=1e-6)
    test_int8_refuses_other_sizes(again)


@pytest.mark.parametrize(
    ('calibration', 'message'),
    [
        (torch.rand(0, 3, 64, 32), 'calibration holds no images'),
        (torch.rand(2, 1, 64, 32), r'images \(N, 3, H, W\) .* shape \(2, 1, 64, 32\)'),
        (torch.full((1, 3, 64, 32), torch.nan), 'calibration holds NaN or infinite numbers'),
        (torch.full((1, 3, 64, 32), -torch.inf), 'calibration holds NaN or infinite numbers'),
    ],
    ids=['none', 'grey', 'NaN', 'infinite'],
)
def test_calibrations_that_are_refused(tiny, calibration, message):
    pytest.importorskip('nncf')
    with pytest.raises(ConfigError, match=message):
        use_openvino(tiny, calibration)


@pytest.mark.parametrize('threads', [0, -1])
def test_threads_that_are_refused(tiny, threads):
    with pytest.raises(ConfigError, match=f'at least 1 thread, got threads={threads};'):
        use_openvino(tiny, threads=threads)


def test_missing_packages_are_named(tiny, monkeypatch):
    monkeypatch.setattr(openvino_net, 'find_spec', lambda name: None)
    with pytest.raises(ConfigError, match=r'openvino, .*: pip install .msvitreid\[openvino\]'):
        use_openvino(tiny)
    monkeypatch.setattr(openvino_net, 'find_spec', lambda name: name == 'openvino' or None)
    with pytest.raises(ConfigError, match='package nncf'):
        use_openvino(tiny, torch.rand(1, 3, 64, 32))


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        (lambda: net().train(), 'in evaluation mode; call its eval'),
        (lambda: net().double(), 'the model is torch.float64 on cpu'),
        (lambda: net().to('meta'), 'on meta; hide the GPU by CUDA_VISIBLE_DEVICES='),
        (lambda: torch.nn.Linear(2, 2), 'takes a ReIDModel, got Linear'),
        (lambda: use_openvino(net()), 'runs in OpenVINO already; give use_openvino the one'),
    ],
    ids=['training', 'float64', 'elsewhere', 'other', 'deployed'],
)
def test_models_that_are_refused(model, message):
    with pytest.raises(ConfigError, match=message):
        use_openvino(model())


@pytest.mark.parametrize(
    ('batch', 'message'),
    [
        (torch.rand(1, 3, 64, 32).double(), r'float32 images .* got torch.float64 of shape'),
        (torch.rand(3, 64, 32), r'shape \(3, 64, 32\)'),
        (torch.rand(1, 1, 64, 32), r'images \(N, 3, H, W\) .* shape \(1, 1, 64, 32\)'),
        (torch.rand(1, 4, 64, 32), r'shape \(1, 4, 64, 32\)'),
        (torch.rand(1, 3, 40, 32), 'does not divide by split_size'),
    ],
    ids=['float64', 'one image', 'grey', 'with alpha', 'size'],
)
def test_images_that_are_refused(deployed, batch, message):
    with pytest.raises(ConfigError, match=message):
        deployed(batch)


def test_cannot_be_trained(tiny):
    with pytest.raises(ConfigError, match='cannot be trained'):
        use_openvino(tiny).train()(torch.rand(1, 3, 64, 32))
