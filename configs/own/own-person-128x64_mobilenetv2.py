# Your own crops of persons, on a CPU: timm's MobileNetV2 from ImageNet weights. On 700 real crops
# MSViT from scratch was as good (docs/evidence.md); of other things than persons these know more.
_base_ = 'own-person-128x64.py'

from msvitreid.utils.pretrained_files import timm_weights
from msvitreid.utils.schedules import published_schedule

model = dict(
    # Of ImageNet, which the weights were trained with.
    data_preprocessor=dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    # The map is 1/16 of the image, not 1/32.
    backbone=dict(
        _delete_=True,
        type='mmpretrain.TIMMBackbone',
        output_stride=16,
        **timm_weights('mobilenetv2_100'),
    ),
    neck=dict(_delete_=True, type='GlobalPoolingNeck', pooling='gem'),
    head=dict(
        _delete_=True,
        type='SingleBNNeckHead',
        loss_cls=dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1),
    ),
)

# 15 epochs of at least 40 steps.
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05))
train_cfg, param_scheduler, custom_hooks = published_schedule(
    epochs=(2, 15), ratio=0.8, extra=0, val_interval=15
)
