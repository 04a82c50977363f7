# Your own pictures of anything that is as wide as high, in the usual size of ImageNet.
_base_ = 'own-person-128x64.py'

image_size = (224, 224)
model = dict(backbone=dict(split_size=(7, 7)))
