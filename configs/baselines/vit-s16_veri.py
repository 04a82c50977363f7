_base_ = [
    '../_base_/models/vit-s16.py',
    '../_base_/datasets/veri776_256x256.py',
    '../_base_/schedules/sgd_120.py',
    '../_base_/default_runtime.py',
]
