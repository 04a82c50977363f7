# Your own crops of persons, twice as large: MobileNetV2 from ImageNet weights.
_base_ = 'own-person-128x64_mobilenetv2.py'

image_size = (256, 128)
