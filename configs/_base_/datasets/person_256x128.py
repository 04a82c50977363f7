# Persons as most baselines take them: 256x128, zeros around the image before the crop,
# 16 identities x 4 images a batch, plain AP.
_base_ = 'loaders.py'

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(128, 256)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=(256, 128), padding=10),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(128, 256)),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(ap='plain')
test_evaluator = val_evaluator
