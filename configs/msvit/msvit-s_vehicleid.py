_base_ = [
    '../_base_/models/msvit-s.py',
    '../_base_/datasets/vehicleid.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]

model = dict(backbone=dict(frozen_stages=-1))
optim_wrapper = dict(optimizer=dict(lr=0.2))
