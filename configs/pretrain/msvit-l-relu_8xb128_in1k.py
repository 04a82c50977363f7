# The re-identification net's activation from the start.
_base_ = 'msvit-l_8xb128_in1k.py'

model = dict(
    backbone=dict(act_cfg=dict(type='ReLU')),
    head=dict(act_cfg=dict(type='ReLU')),
)
