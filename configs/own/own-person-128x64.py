# Your own crops of persons, hundreds to some ten thousand, on a CPU: a narrow MSViT from scratch.
# Unlike in the published recipe nothing is erased, which is better with few steps, and nothing is
# frozen, which makes no clear difference (docs/evidence.md).
_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/own_data.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]

from msvitreid.utils.schedules import published_schedule

model = dict(
    pretrained=None,
    data_preprocessor=dict(batch_augments=None),
    backbone=dict(
        arch=dict(_delete_=True, dims=(16, 32, 64, 128), blocks=(1, 2, 2, 1), heads=(1, 2, 4)),
        out_channels=128,
        split_size=(4, 4),
        drop_path_rate=0.0,
        frozen_stages=-1,
    ),
)

# 30 epochs of at least 40 steps.
optim_wrapper = dict(optimizer=dict(lr=0.2))
train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(2, 28), ratio=0.8, extra=2, val_interval=30
)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=10))
