_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/occluded_reid.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]
