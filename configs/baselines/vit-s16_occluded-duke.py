_base_ = [
    '../_base_/models/vit-s16.py',
    '../_base_/datasets/occluded_duke_256x128.py',
    '../_base_/schedules/sgd_120.py',
    '../_base_/default_runtime.py',
]
