import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import GlobalPoolingNeck, PartPoolingNeck, ReIDModel
from msvitreid.models.fill_in import ExpectedMaps, count_channels, count_vectors, fill_in
from msvitreid.registry import MODELS

TINY = dict(
    type='MSViT',
    arch=dict(dims=(8, 8, 8, 8), blocks=(1, 1, 1, 1), heads=(1, 1, 1)),
    split_size=(2, 2),
    out_channels=16,
)


class Net(nn.Module):
    def __init__(self, **attributes):
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


def refuse():
    raise AssertionError('asked for what is not needed')


@pytest.mark.parametrize(
    ('neck', 'branches', 'vectors'),
    [
        (dict(type='PartPoolingNeck', num_parts=3), 2, 6),
        (dict(type='PartPoolingNeck', num_parts=0), 1, 3),
        (dict(type='GlobalPoolingNeck'), 2, 2),
        (dict(type='GlobalPoolingNeck'), 1, 1),
    ],
)
@pytest.mark.parametrize('head', ['BNNeckHead', 'SingleBNNeckHead'])
def test_a_head_is_given_what_stands_before_it(neck, branches, vectors, head):
    backbone = {**TINY, 'num_branches': branches}
    model = ReIDModel(backbone, neck, dict(type=head, num_classes=3))
    built = model.head
    channels = (
        built.linears[-1].in_features * built.num_vectors
        if head == 'BNNeckHead'
        else built.norm.num_features
    )
    assert channels == 16 * vectors


def test_what_the_config_states_stays():
    cfg = fill_in(
        dict(type='BNNeckHead', num_vectors=7),
        num_vectors=refuse,
        in_channels=lambda: 5,
        unknown=refuse,
    )
    assert cfg == dict(type='BNNeckHead', num_vectors=7, in_channels=5)


def test_a_part_that_does_not_take_it_is_not_given_it():
    assert fill_in(dict(type='CrossEntropyLoss'), num_classes=refuse) == dict(
        type='CrossEntropyLoss'
    )


@pytest.mark.parametrize(
    ('attributes', 'channels'),
    [
        (dict(out_channels=16), 16),
        (dict(feat_dim=2048), 2048),
        (dict(num_features=[96, 192, 768], embed_dims=96), 768),
        (dict(embed_dims=384), 384),
        (dict(timm_model=Net(num_features=512)), 512),
    ],
)
def test_channels_of_other_nets(attributes, channels):
    assert count_channels(Net(**attributes)) == channels


def test_a_net_without_branches_gives_one_map():
    assert count_vectors(GlobalPoolingNeck(), Net()) == 1
    assert count_vectors(PartPoolingNeck(2), Net()) == 5
    assert count_vectors(GlobalPoolingNeck(), MODELS.build(TINY)) == 2


def test_a_stranger_that_does_not_tell():
    with pytest.raises(ConfigError, match=r'count_vectors.*model\.head\.num_vectors'):
        count_vectors(Net(), Net())
    with pytest.raises(ConfigError, match=r'Net .*model\.head\.in_channels'):
        count_channels(Net())


class Own(nn.Module):
    """A backbone that gives what it was built for, whatever it says."""

    def __init__(self, gives, **says):
        super().__init__()
        self.gives = gives
        for name, value in says.items():
            setattr(self, name, value)

    def forward(self, images):
        return self.gives


MODELS.register_module(module=Own, force=True)
MAP = torch.rand(4, 32, 6, 2)
VECTORS = torch.rand(4, 32)


def run(neck, gives, says, **head):
    model = ReIDModel(
        dict(type='Own', gives=gives, **says),
        dict(type=neck),
        dict(type='BNNeckHead', num_classes=3, **head),
    )
    return model(torch.zeros(4, 3, 8, 8))


@pytest.mark.parametrize(
    ('neck', 'gives', 'says', 'sentence'),
    [
        (
            'PartPoolingNeck',
            (MAP,),
            dict(out_channels=64),
            'Own gives (4, 32, 6, 2) where it says 64 channels; correct its out_channels or '
            'feat_dim or num_features or embed_dims, or set model.head.in_channels',
        ),
        (
            'PartPoolingNeck',
            (VECTORS,),
            dict(out_channels=32),
            'PartPoolingNeck takes maps (N, C, H, W), and Own gives (4, 32)',
        ),
        (
            'PartPoolingNeck',
            MAP,
            dict(out_channels=32),
            'Own must give a tuple of maps (N, C, H, W), got a Tensor',
        ),
        (
            'GlobalPoolingNeck',
            (MAP, MAP),
            dict(out_channels=32),
            'Own gives 2 maps where its num_branches (1 if it has none) says 1; set '
            'num_branches = 2 in it, or model.head.num_vectors',
        ),
        (
            'GlobalPoolingNeck',
            (MAP, None),
            dict(out_channels=32, num_branches=2),
            'Own must give a tuple of maps (N, C, H, W), got a tuple',
        ),
    ],
    ids=['channels', 'vectors', 'no tuple', 'number', 'no tensor'],
)
def test_a_backbone_that_breaks_the_contract(neck, gives, says, sentence):
    with pytest.raises(ConfigError) as caught:
        run(neck, gives, says)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ('neck', 'gives', 'says', 'head', 'vectors'),
    [
        ('GlobalPoolingNeck', (VECTORS,), dict(out_channels=32), {}, 1),
        ('GlobalPoolingNeck', [MAP, MAP], dict(out_channels=32, num_branches=2), {}, 2),
        # What the config states is not asked of the backbone.
        ('GlobalPoolingNeck', (MAP, MAP), dict(out_channels=32), dict(num_vectors=2), 2),
        ('GlobalPoolingNeck', (MAP,), dict(out_channels=64), dict(in_channels=32), 1),
    ],
    ids=['vectors', 'list', 'stated number', 'stated channels'],
)
def test_a_backbone_that_keeps_it(neck, gives, says, head, vectors):
    assert len(run(neck, gives, says, **head)) == vectors


def test_an_index_error_of_a_neck_keeps_its_traceback():
    model = ReIDModel(
        dict(type='Own', gives=(MAP,), out_channels=32),
        dict(type='GlobalPoolingNeck'),
        dict(type='BNNeckHead', num_classes=3),
    )
    model.neck.forward = lambda maps: [maps[5]]
    with pytest.raises(IndexError):
        model(torch.zeros(4, 3, 8, 8))


def test_a_net_that_takes_the_place_of_the_backbone_announces_nothing():
    model = ReIDModel(
        dict(type='Own', gives=(MAP,), out_channels=32),
        dict(type='GlobalPoolingNeck'),
        dict(type='BNNeckHead', num_classes=3),
    )
    model.backbone, model.neck, model.head = nn.Identity(), nn.Identity(), nn.Identity()
    images = torch.zeros(4, 3, 8, 8)
    assert model(images) is images


def test_the_check_looks_at_shapes_only():
    expected = ExpectedMaps(Net(num_branches=2), dict(num_vectors=2, in_channels=32))
    # These have no values that it could wait for.
    expected.check((MAP.to('meta'), MAP.to('meta')))
    with pytest.raises(ConfigError, match=r'gives \(4, 32, 6, 2\) where it says 16'):
        ExpectedMaps(Net(), dict(in_channels=16)).check((MAP.to('meta'),))
