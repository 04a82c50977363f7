# Your own crops of persons, twice as large: for pictures of close people, and four times the time.
_base_ = 'own-person-128x64.py'

image_size = (256, 128)
model = dict(backbone=dict(split_size=(8, 8)))
