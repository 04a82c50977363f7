# Warm-up over 10 epochs from a tenth of the learning rate, then steps after epochs 40 and 70.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=120, val_interval=20)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=10),
    dict(type='MultiStepLR', milestones=[40, 70], gamma=0.1),
]
