# The published recipe in small, on the drawn sample dataset (make_synthetic.py), for a CPU:
# 128x64 images, a narrow net from scratch, 4x4 tokens a group; all else as in the s configs.
_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/occluded_duke.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]

data_root = 'work_dirs/demo/data'
on_count_mismatch = 'ignore'

model = dict(
    pretrained=None,
    backbone=dict(
        arch=dict(_delete_=True, dims=(16, 32, 64, 128), blocks=(1, 2, 4, 2), heads=(1, 2, 4)),
        out_channels=128,
        split_size=(4, 4),
    ),
    head=dict(in_channels=128),
)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='RandomCrop', size=(128, 64), padding=4),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [dict(type='LoadImage'), dict(type='PackReIDInputs')]
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=0, dataset=dict(pipeline=test_pipeline))

# Warm-up to epoch 2, a cosine to 15 that stops falling at 12, a flat tail to 18.
train_cfg = dict(max_epochs=18, val_interval=18)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.505, begin=0, end=2),
    dict(type='CosineAnnealingLR', T_max=13, eta_min=0.0, begin=1, end=12),
]
custom_hooks = [dict(type='WeightAverageHook', begin=12)]
default_hooks = dict(logger=dict(interval=20))
