# Published flags: --epochs 5,75 --ema-ratio 0.80 --ema-extra 25 --lr 0.05
# Warm-up to epoch 5, a cosine that would end at epoch 75 but stops falling at epoch
# 60 = 75 * 0.8, a flat tail to epoch 100 = 75 + 25; the weights of 60..100 are averaged.
_base_ = []

from msvitreid.utils.schedules import published_schedule

train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(5, 75), ratio=0.8, extra=25
)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
)
