# As logged: AdamW 2e-3 for 8 x 128 images, 20 epochs of warm-up, a cosine to 1e-6 at epoch 300.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.05),
    # No decay on biases and normalization, which are the 1-d parameters.
    paramwise_cfg=dict(flat_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    # Epoch e of 1..20 has e / 20 of the learning rate; the log does not give its start.
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20),
    dict(type='CosineAnnealingLR', T_max=280, eta_min=1e-6, begin=19, end=300),
]
# Decay 0.9999, of the BatchNorm statistics too. A checkpoint's state_dict is the average.
custom_hooks = [dict(type='EMAHook', momentum=1e-4, update_buffers=True)]
