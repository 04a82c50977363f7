# Vehicles and buildings: as persons, on square images.
_base_ = 'loaders.py'

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(256, 256)),
    dict(type='RandomCrop', size=(256, 256), padding=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(256, 256)),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
