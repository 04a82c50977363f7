# Published flags: --epochs 5,45 --ema-ratio 0.80 --ema-extra 25
_base_ = 'sgd_5-75.py'

from msvitreid.utils.schedules import published_schedule

train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(5, 45), ratio=0.8, extra=25
)
