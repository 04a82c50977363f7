# Backbone: mmpretrain's ResNet-50 without the last stride, for MSViT-S.
# The weights are torchvision's, for normalized images; see docs/en/swap.md.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='Pretrained', checkpoint='pretrain/resnet50-0676ba61.pth'),
    ),
)
