# The demo's recipe with a ResNet-18 from scratch in MSViT's place. Its map has the same size,
# 1/16 of the image, and serves both branches. Nothing of the backbone is frozen, only the
# biases of the head's BatchNorms 3 to 5, as with any backbone.
_base_ = 'msvit-demo.py'

model = dict(
    backbone=dict(_delete_=True, type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
)
