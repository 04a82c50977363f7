_base_ = [
    '../_base_/models/msvit-s_224.py',
    '../_base_/datasets/inshop.py',
    '../_base_/schedules/sgd_5-75.py',
    '../_base_/default_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=0.1))
