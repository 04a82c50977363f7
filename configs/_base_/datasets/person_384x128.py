# Persons: tall images, resized, padded by mirroring and cropped.
_base_ = 'loaders.py'

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(128, 384)),
    dict(type='RandomCrop', size=(384, 128), padding=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(128, 384)),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
