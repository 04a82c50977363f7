import pytest
import torch
from mmengine.model import PretrainedInit
from torch.nn import LogSoftmax
from torchvision.models import resnet18

from msvitreid.engine.config.initial_weights import (
    downloads_by_timm,
    require_initial_weights,
    without_initial_weights,
)
from msvitreid.errors import CheckpointError
from msvitreid.registry import MODELS

RESNET = dict(type='mmpretrain.ResNet', depth=18)
TIMM = dict(type='mmpretrain.TIMMBackbone', model_name='test_convnext')

KAIMING = dict(type='Kaiming', layer='Conv2d')
PATH = 'gone.pth'


def with_file(path):
    return dict(type='Pretrained', checkpoint=str(path))


GONE = with_file(PATH)


def test_a_net_that_a_checkpoint_fills_reads_no_other_weights():
    model = dict(
        type='ReIDModel',
        pretrained='a.pth',
        init_cfg=[KAIMING, with_file('e.pth')],
        backbone=dict(
            **TIMM, init_cfg=with_file('b.pth'), checkpoint_path='c', pretrained=True
        ),
        neck=dict(type='Neck', init_cfg=(with_file('f.pth'),)),
        head=dict(type='Head', init_cfg=with_file('d.pth')),
    )
    bare = without_initial_weights(model)
    assert bare == dict(
        type='ReIDModel',
        pretrained=None,
        init_cfg=[KAIMING],
        backbone=TIMM,
        neck=dict(type='Neck'),
        head=dict(type='Head'),
    )
    assert model['pretrained'] == 'a.pth'
    assert model['backbone']['checkpoint_path'] == 'c'
    assert model['init_cfg'] == [KAIMING, with_file('e.pth')]


def test_what_is_no_file_stays():
    model = dict(type='Other', backbone=dict(type='Net', init_cfg=KAIMING))
    assert without_initial_weights(model) == model
    require_initial_weights(model)
    require_initial_weights(dict(type='Other'))


class MyInit(PretrainedInit):
    """A stranger's initializer from a file."""


@pytest.mark.parametrize(
    ('option', 'named', 'switch'),
    [
        (dict(init_cfg=GONE), 'model.init_cfg.checkpoint', 'model.init_cfg'),
        *(
            ({part: dict(type='Net', init_cfg=init_cfg)}, f'{where}.checkpoint', where)
            for part in ('backbone', 'neck', 'head')
            for init_cfg in (
                GONE,
                [KAIMING, GONE],
                [dict(type=PretrainedInit, checkpoint=PATH)],
                dict(type=MyInit, checkpoint=PATH),
            )
            for where in [f'model.{part}.init_cfg']
        ),
        (
            dict(backbone=dict(**TIMM, checkpoint_path=PATH)),
            'model.backbone.checkpoint_path',
            'model.backbone.checkpoint_path',
        ),
    ],
)
def test_a_missing_file_is_named_with_its_option(option, named, switch):
    sentence = f"^{named} names weights 'gone\\.pth' .* --cfg-options {switch}=None$"
    with pytest.raises(CheckpointError, match=sentence):
        require_initial_weights(option)


@pytest.mark.parametrize('pretrained', [False, True, 'a'])
def test_options_of_a_users_own_net_are_its_own(pretrained):
    backbone = dict(type='UserNet', pretrained=pretrained, checkpoint_path='gone')
    assert without_initial_weights(dict(backbone=backbone)) == dict(backbone=backbone)
    require_initial_weights(dict(backbone=backbone))


def test_timm_is_given_no_file_that_runs_code(tmp_path):
    for suffix in ('pth', 'safetensors'):
        torch.save({'a': torch.zeros(1), 'b': LogSoftmax()}, tmp_path / f'a.{suffix}')
    backbone = dict(TIMM, checkpoint_path=str(tmp_path / 'a.pth'))
    with pytest.raises(CheckpointError, match=r"a\.pth' contains pickled code \(torch\.nn"):
        require_initial_weights(dict(backbone=backbone))
    # Nothing in a file that is read as safetensors is run.
    backbone['checkpoint_path'] = str(tmp_path / 'a.safetensors')
    require_initial_weights(dict(backbone=backbone))
    torch.save({'a': torch.zeros(1)}, tmp_path / 'a.pth')
    backbone['checkpoint_path'] = str(tmp_path / 'a.pth')
    require_initial_weights(dict(backbone=backbone))


def test_torchvisions_file_fills_mmpretrains_resnet(tmp_path):
    source = resnet18().state_dict()
    torch.save(source, tmp_path / 'resnet18.pth')
    net = MODELS.build({**RESNET, 'init_cfg': with_file(tmp_path / 'resnet18.pth')})
    net.init_weights()
    found = net.state_dict()
    assert source.keys() - found.keys() == {'fc.weight', 'fc.bias'}
    assert all(torch.equal(weight, source[name]) for name, weight in found.items())


def test_timms_file_fills_the_wrapped_net_and_stays_when_weights_are_initialized(tmp_path):
    import timm
    from safetensors.torch import save_file

    source = timm.create_model('test_convnext').state_dict()
    save_file(source, tmp_path / 'net.safetensors')
    net = MODELS.build({**TIMM, 'checkpoint_path': str(tmp_path / 'net.safetensors')})
    net.init_weights()
    found = {name.removeprefix('timm_model.'): w for name, w in net.state_dict().items()}
    assert source.keys() - found.keys() == {'head.fc.weight', 'head.fc.bias'}
    assert all(torch.equal(weight, source[name]) for name, weight in found.items())


def test_weights_that_timm_cannot_download_are_a_sentence(monkeypatch):
    """Without a network it ended with the traceback of huggingface_hub after five tries."""

    def refuse(*_):
        raise FileNotFoundError('An error happened while trying to locate the file on the Hub')

    backbone = dict(TIMM, pretrained=True)
    with (
        pytest.raises(CheckpointError, match=r'pretrain/test_convnext\.safetensors'),
        downloads_by_timm({'backbone': backbone}),
    ):
        refuse()
    with pytest.raises(FileNotFoundError), downloads_by_timm({'backbone': TIMM}):
        refuse()
