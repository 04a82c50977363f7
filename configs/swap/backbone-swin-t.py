# Backbone: mmpretrain's Swin-T for MSViT-S.
# The weights are mmpretrain's, for normalized images; see docs/en/swap.md.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmpretrain.SwinTransformer',
        img_size='{{image_size}}',
        # The last map, 12x4, is smaller than a window of 7x7.
        pad_small_map=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='pretrain/swin_tiny_224_b16x64_300e_imagenet_20210616_090925-66df6be6.pth',
            prefix='backbone.',
        ),
    ),
)
