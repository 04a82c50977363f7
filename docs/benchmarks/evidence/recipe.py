# The published recipe on a narrow MSViT for a CPU, from scratch, so nothing is frozen. 16 epochs,
# of PKU-Reid 464 steps: warm-up, cosine and flat tail as 5, 75, 0.8 and 25 of the published 100.
_base_ = 'msvitreid::own/own-person-128x64.py'

from msvitreid.utils.schedules import published_schedule

model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='BatchRandomErasing', max_area=0.2)]),
    backbone=dict(sparse_ratio=0.3),
)
train_dataloader = dict(sampler=dict(min_batches=0))
train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(1, 12), ratio=0.8, extra=4, val_interval=100
)
