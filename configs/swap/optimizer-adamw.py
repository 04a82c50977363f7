# Optimizer: AdamW, whose learning rate falls by a tenth with every block towards the image, for
# SGD. The values are a start that nobody has tuned.
_base_ = '../msvit/msvit-s_occluded-duke.py'

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=5e-4, weight_decay=0.05),
    constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, flat_decay_mult=0.0),
)
