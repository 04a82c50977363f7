# The published recipe in small, on the drawn sample dataset (make_synthetic.py), for a CPU:
# 128x64 images, 4x4 tokens a group, and a narrow net that starts from scratch, so with a higher
# learning rate, smaller erased areas and no drop path; all else as in the s configs.
_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/occluded_duke.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]

from msvitreid.utils.schedules import published_schedule

data_root = 'work_dirs/demo/data'
on_count_mismatch = 'ignore'

model = dict(
    pretrained=None,
    data_preprocessor=dict(batch_augments=[dict(type='BatchRandomErasing', max_area=0.20)]),
    backbone=dict(
        arch=dict(_delete_=True, dims=(16, 32, 64, 128), blocks=(1, 2, 2, 1), heads=(1, 2, 4)),
        out_channels=128,
        split_size=(4, 4),
        drop_path_rate=0.0,
    ),
)

image_size = (128, 64)
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='RandomCrop', size='{{image_size}}', padding=4),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [dict(type='LoadImage'), dict(type='PackReIDInputs')]
train_dataloader = dict(num_workers=1)
val_dataloader = dict(num_workers=0)
test_dataloader = dict(num_workers=0)

# Warm-up to epoch 2, a cosine to 19 that stops falling at 15, a flat tail to 22.
optim_wrapper = dict(optimizer=dict(lr=0.2))
train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(2, 19), ratio=0.8, extra=3, val_interval=22
)
default_hooks = dict(logger=dict(interval=20))
