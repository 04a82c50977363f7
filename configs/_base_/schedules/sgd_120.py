# Warm-up over 5 epochs from 1 %, then a cosine that ends at 0.2 % in the last epoch.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=120, val_interval=20)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.008, momentum=0.9, weight_decay=1e-4),
)
param_scheduler = [
    # Epoch e of 1..5 has 0.01 + 0.99 * e / 5 of the learning rate.
    dict(type='LinearLR', start_factor=0.208, begin=0, end=5),
    dict(type='CosineAnnealingLR', T_max=115, eta_min_ratio=0.002, begin=4, end=120),
]
