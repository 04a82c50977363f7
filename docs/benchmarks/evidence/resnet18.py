# ResNet-18 from scratch in MSViT's place; its map has the same size.
_base_ = 'msvitreid::own/own-person-128x64.py'

model = dict(
    backbone=dict(
        _delete_=True, type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)
    ),
)
