_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/msmt17.py',
    '../_base_/schedules/sgd_5-45.py',
    '../_base_/default_runtime.py',
]
