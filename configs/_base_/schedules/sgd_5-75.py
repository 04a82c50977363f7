# Published flags: --epochs 5,75 --ema-ratio 0.80 --ema-extra 25 --lr 0.05
# Warm-up to epoch 5, a cosine that would end at epoch 75 but stops falling at epoch
# 60 = 75 * 0.8, a flat tail to epoch 100 = 75 + 25; the weights of 60..100 are averaged.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=100, val_interval=20)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
)
param_scheduler = [
    # Epoch e of 1..5 has 0.01 + 0.99 * e / 5 of the learning rate.
    dict(type='LinearLR', start_factor=0.208, begin=0, end=5),
    dict(type='CosineAnnealingLR', T_max=70, eta_min=0.0, begin=4, end=60),
]
custom_hooks = [dict(type='WeightAverageHook', begin=60)]
