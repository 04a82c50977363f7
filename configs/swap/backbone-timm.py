# Backbone: timm's ConvNeXt-T, through mmpretrain's wrapper, for MSViT-S.
# The weights are timm's, for normalized images; see docs/en/swap.md.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        model_name='convnext_tiny',
        checkpoint_path='pretrain/convnext_tiny.fb_in1k.safetensors',
    ),
)
