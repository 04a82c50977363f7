# The same for 100 epochs, of PKU-Reid 2900 steps.
_base_ = 'recipe.py'

from msvitreid.utils.schedules import published_schedule

train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(5, 75), ratio=0.8, extra=25, val_interval=100
)
