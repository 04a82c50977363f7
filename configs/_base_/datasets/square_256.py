# Vehicles and buildings: as persons, on square images.
_base_ = 'loaders.py'

# Height and width; pipelines refer to it, so that it can be changed in a leaf.
image_size = (256, 256)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='RandomCrop', size='{{image_size}}', padding=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='PackReIDInputs'),
]
