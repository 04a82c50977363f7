# Persons as most baselines take them: 256x128, zeros around the image before the crop,
# 16 identities x 4 images a batch, plain AP.
_base_ = 'loaders.py'

# Height and width; pipelines refer to it, so that it can be changed in a leaf.
image_size = (256, 128)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size='{{image_size}}', padding=10),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(batch_size=64)

val_evaluator = dict(ap='plain')
test_evaluator = val_evaluator
