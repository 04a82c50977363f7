# VeRi with the batches, the padding and the AP of person_256x128.py.
_base_ = 'veri776.py'

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size='{{image_size}}', padding=10),
    dict(type='PackReIDInputs'),
]
train_dataloader = dict(batch_size=64)

val_evaluator = dict(ap='plain')
test_evaluator = val_evaluator
