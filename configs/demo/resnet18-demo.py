# The demo's recipe with a ResNet-18 from scratch in MSViT's place. Its map has the same size,
# 1/16 of the image, and serves both branches; nothing of it is frozen.
_base_ = 'msvit-demo.py'

model = dict(
    backbone=dict(_delete_=True, type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
)
