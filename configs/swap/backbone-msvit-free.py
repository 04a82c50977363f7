# Backbone: an MSViT of other widths and depths, from scratch, for MSViT-S.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(
    pretrained=None,
    backbone=dict(
        arch=dict(_delete_=True, dims=(24, 48, 96, 192), blocks=(2, 4, 8, 2), heads=(1, 2, 4)),
    ),
)
