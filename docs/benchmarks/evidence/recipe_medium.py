# The same for 40 epochs, of PKU-Reid 1160 steps.
_base_ = 'recipe.py'

from msvitreid.utils.schedules import published_schedule

train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(2, 30), ratio=0.8, extra=10, val_interval=100
)
