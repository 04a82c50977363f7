# ResNet-18 from scratch, 16 epochs, in MSViT's place; its map has the same size.
_base_ = 'recipe.py'

model = dict(
    backbone=dict(_delete_=True, type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
)
