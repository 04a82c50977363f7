# Your own pictures of anything that is as wide as high: MobileNetV2 from ImageNet weights.
_base_ = 'own-person-128x64_mobilenetv2.py'

image_size = (224, 224)
