# Your own pictures of anything that is as wide as high, such as animals or products, on a CPU.
_base_ = 'own-person-128x64.py'

image_size = (128, 128)
