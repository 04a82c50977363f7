import pytest
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import GlobalPoolingNeck, PartPoolingNeck, ReIDModel
from msvitreid.models.fill_in import count_channels, count_vectors, fill_in
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
def test_a_head_is_told_what_stands_before_it(neck, branches, vectors, head):
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


def test_a_part_that_does_not_take_it_is_not_told():
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
    with pytest.raises(
        ConfigError, match=r'Net has no count_vectors.*model\.head\.num_vectors'
    ):
        count_vectors(Net(), Net())
    with pytest.raises(ConfigError, match=r'Net does not tell.*model\.head\.in_channels'):
        count_channels(Net())
