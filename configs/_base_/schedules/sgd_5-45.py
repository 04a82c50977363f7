# Published flags: --epochs 5,45 --ema-ratio 0.80 --ema-extra 25
# As sgd_5-75.py, with the flat tail from epoch 36 = 45 * 0.8 to epoch 70 = 45 + 25.
_base_ = 'sgd_5-75.py'

train_cfg = dict(max_epochs=70)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.208, begin=0, end=5),
    dict(type='CosineAnnealingLR', T_max=40, eta_min=0.0, begin=4, end=36),
]
custom_hooks = [dict(type='WeightAverageHook', begin=36)]
