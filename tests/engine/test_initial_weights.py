import pytest
import torch
from mmengine.runner import CheckpointLoader
from torchvision.models import resnet18

from msvitreid.engine.checkpoint import use_safe_loading
from msvitreid.engine.initial_weights import require_initial_weights, without_initial_weights
from msvitreid.errors import CheckpointError
from msvitreid.registry import MODELS

RESNET = dict(type='mmpretrain.ResNet', depth=18)
TIMM = dict(type='mmpretrain.TIMMBackbone', model_name='test_convnext')


def with_file(path):
    return dict(type='Pretrained', checkpoint=str(path))


def test_a_net_that_a_checkpoint_fills_reads_no_other_weights():
    model = dict(
        type='ReIDModel',
        pretrained='a.pth',
        backbone=dict(type='Net', init_cfg=with_file('b.pth'), checkpoint_path='c', depth=3),
        head=dict(type='Head', init_cfg=with_file('d.pth')),
    )
    bare = without_initial_weights(model)
    assert bare == {**model, 'pretrained': None, 'backbone': dict(type='Net', depth=3)}
    assert model['pretrained'] == 'a.pth'
    assert model['backbone']['checkpoint_path'] == 'c'


def test_what_is_no_file_stays():
    init_cfg = dict(type='Kaiming', layer='Conv2d')
    model = dict(type='Other', backbone=dict(type='Net', init_cfg=init_cfg))
    assert without_initial_weights(model) == model
    require_initial_weights(model)
    require_initial_weights(dict(type='Other'))


@pytest.mark.parametrize(
    ('option', 'named', 'switch'),
    [
        (dict(init_cfg=with_file('gone.pth')), r'init_cfg\.checkpoint', 'init_cfg=None'),
        (dict(checkpoint_path='gone.pth'), 'checkpoint_path', 'checkpoint_path=None'),
    ],
)
def test_a_missing_file_is_named_with_its_option(option, named, switch):
    model = dict(backbone=dict(type='Net', **option))
    sentence = rf"model\.backbone\.{named} names weights 'gone\.pth'.*model\.backbone\.{switch}"
    with pytest.raises(CheckpointError, match=sentence):
        require_initial_weights(model)


@pytest.fixture
def safe_loading():
    schemes = dict(CheckpointLoader._schemes)
    use_safe_loading()
    yield
    CheckpointLoader._schemes = schemes


@pytest.mark.usefixtures('safe_loading')
def test_torchvisions_file_fills_mmpretrains_resnet(tmp_path):
    source = resnet18().state_dict()
    torch.save(source, tmp_path / 'resnet18.pth')
    net = MODELS.build({**RESNET, 'init_cfg': with_file(tmp_path / 'resnet18.pth')})
    net.init_weights()
    found = net.state_dict()
    assert source.keys() - found.keys() == {'fc.weight', 'fc.bias'}
    assert all(torch.equal(weight, source[name]) for name, weight in found.items())


def test_timms_file_fills_the_wrapped_net_and_stays_when_weights_are_initialised(tmp_path):
    import timm
    from safetensors.torch import save_file

    source = timm.create_model('test_convnext').state_dict()
    save_file(source, tmp_path / 'net.safetensors')
    net = MODELS.build({**TIMM, 'checkpoint_path': str(tmp_path / 'net.safetensors')})
    net.init_weights()
    found = {name.removeprefix('timm_model.'): w for name, w in net.state_dict().items()}
    assert source.keys() - found.keys() == {'head.fc.weight', 'head.fc.bias'}
    assert all(torch.equal(weight, source[name]) for name, weight in found.items())
