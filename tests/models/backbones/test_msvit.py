import math

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from msvitreid.errors import ConfigError
from msvitreid.models import MSViT
from tests.models.tiny import TINY_ARCH, tiny_backbone


def test_one_map_a_branch():
    net = MSViT(**tiny_backbone(), out_channels=24).eval()
    global_map, part_map = net(torch.rand(2, 3, 64, 32))
    assert global_map.shape == part_map.shape == (2, 24, 4, 2)


def test_single_branch_with_stride_is_an_ordinary_backbone():
    net = MSViT(**tiny_backbone(), num_branches=1, last_stride=2).eval()
    (only,) = net(torch.rand(1, 3, 64, 32))
    assert only.shape == (1, 512, 2, 1)


def test_stages_have_the_published_number_of_modules():
    net = MSViT('s')
    assert [len(stage) for stage in net.stages] == [5, 11, 29]
    assert [len(branch.stage) for branch in net.branches] == [3, 3]


def test_drop_path_rises_linearly_and_attention_shares_its_block_rate():
    net = MSViT('s', drop_path_rate=0.26)
    rates = [block.drop_path.drop_prob for block in net.stages[0]]
    assert rates == pytest.approx([0.0, 0.01, 0.01, 0.02, 0.02])
    for branch in net.branches:
        assert [b.drop_path.drop_prob for b in branch.stage] == pytest.approx(
            [0.24, 0.25, 0.26]
        )


def test_init_is_kaiming_normal_by_fan_in():
    torch.manual_seed(0)
    net = MSViT('s', num_branches=1)
    net.init_weights()
    weight = net.branches[0].conv_head.conv.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / 256), rel=0.02)
    grouped = net.stages[2][0].main[1].conv.weight
    assert grouped.std().item() == pytest.approx(math.sqrt(2 / 36), rel=0.02)
    assert net.stages[0][0].main[2].expand.bias.abs().max() == 0
    assert all(m.weight.eq(1).all() for m in net.modules() if isinstance(m, _BatchNorm))
    assert net.stages[0][2].attn.logit_scale.flatten().tolist() == pytest.approx(
        [math.log(10)] * 2
    )


def test_frozen_stem_trains_nothing_but_follows_statistics():
    net = MSViT(**tiny_backbone(), frozen_stages=0).train()
    before = net.stem.norm.running_mean.clone()
    sum(m.sum() for m in net(torch.rand(4, 3, 64, 32))).backward()
    assert all(p.grad is None for p in net.stem.parameters())
    assert net.stages[0][0].main[0].conv.weight.grad is not None
    assert not torch.equal(net.stem.norm.running_mean, before)


def test_frozen_stages_count_from_the_stem():
    net = MSViT(**tiny_backbone(), frozen_stages=2)
    frozen = {
        n.split('.')[0] + n.split('.')[1]
        for n, p in net.named_parameters()
        if not p.requires_grad
    }
    assert frozen == {'stemconv', 'stemnorm', 'stages0', 'stages1'}


def test_an_image_that_does_not_divide_names_stage_map_and_split():
    net = MSViT('s', split_size=(8, 8))
    with pytest.raises(
        ConfigError,
        match=r'stage 3 .*16x12 .*256x192',
    ):
        net(torch.rand(1, 3, 256, 192))
    with pytest.raises(ConfigError, match=r'stage 1 .* 95x32 map .* split_size 8x8'):
        net(torch.rand(1, 3, 380, 128))


def test_an_image_size_is_checked_before_there_is_a_net():
    MSViT.check_image_size(384, 128, arch='s')
    with pytest.raises(ConfigError, match=r'stage 3 .* split_size 7x7'):
        MSViT.check_image_size(112, 56, split_size=[7, 7], arch='s')
    with pytest.raises(ConfigError, match='split_size must be two numbers'):
        MSViT.check_image_size(384, 128, split_size=8)


@pytest.mark.parametrize(
    ('arch', 'sentence'),
    [
        ('xl', r"arch 'xl' is unknown; use one of \['l', 's'\]"),
        ({**TINY_ARCH, 'dims': (8, 8)}, r"needs 'dims' with 4 integers"),
        ({**TINY_ARCH, 'dims': (8, 16, 24, 36)}, 'multiples of 8'),
        ({**TINY_ARCH, 'heads': (3, 2, 2)}, 'must divide by their heads'),
    ],
)
def test_bad_arch(arch, sentence):
    with pytest.raises(ConfigError, match=sentence):
        MSViT(arch)
