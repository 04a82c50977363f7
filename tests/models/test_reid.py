import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.registry import MODELS
from msvitreid.structures import ReIDDataSample

from .tiny import tiny_reid_model

IMAGES = torch.rand(4, 3, 64, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = MODELS.build(tiny_reid_model(num_classes=2))
    model.init_weights()
    return model.eval()


def test_tensor_mode_lists_features(model):
    features = model(IMAGES)
    assert [f.shape for f in features] == [(4, 16)] * 5


def test_embedding_is_the_unit_sum_over_the_flip(model):
    with torch.no_grad():
        straight = torch.cat(model(IMAGES), dim=1)
        mirrored = torch.cat(model(IMAGES.flip(3)), dim=1)
        embedding = model.embed(IMAGES)
    expected = straight + mirrored
    torch.testing.assert_close(embedding, expected / expected.norm(dim=1, keepdim=True))
    alone = straight / straight.norm(dim=1, keepdim=True)
    torch.testing.assert_close(model.embed(IMAGES, flip=False), alone)


def test_predict_mode_gives_samples_their_embedding(model):
    samples = [ReIDDataSample(pid=i) for i in range(4)]
    predicted = model(IMAGES, samples, mode='predict')
    assert [s.pid for s in predicted] == [0, 1, 2, 3]
    torch.testing.assert_close(predicted[2].embedding, model.embed(IMAGES)[2])
    assert len(model(IMAGES, mode='predict')) == 4


def test_loss_mode_reaches_every_trained_weight(model):
    model.train()
    samples = [ReIDDataSample(label=label) for label in (0, 0, 1, 1)]
    model(IMAGES, samples, mode='loss')['loss'].backward()
    lacking = [
        name for name, p in model.named_parameters() if p.requires_grad and p.grad is None
    ]
    assert lacking == []


def test_train_step_takes_a_collated_uint8_batch(model):
    from mmengine.optim import OptimWrapper

    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    data = {
        'inputs': (IMAGES * 255).byte(),
        'data_samples': [ReIDDataSample(label=label) for label in (0, 0, 1, 1)],
    }
    log = model.train().train_step(data, wrapper)
    assert set(log) == {'loss', 'ce', 'triplet', 'acc'}


def test_unknown_mode(model):
    with pytest.raises(ConfigError, match="'los' is unknown"):
        model(IMAGES, mode='los')


def test_unknown_component_suggests_near_matches():
    with pytest.raises(ConfigError, match=r"'PartPolingNeck'.*'PartPoolingNeck'"):
        MODELS.build(dict(type='PartPolingNeck'))
