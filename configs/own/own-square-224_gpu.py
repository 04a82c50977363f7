# Your own pictures of anything that is as wide as high, on a GPU (add --amp): MSViT-S.
_base_ = 'own-person-256x128_gpu.py'

image_size = (224, 224)
model = dict(backbone=dict(split_size=(7, 7)))
