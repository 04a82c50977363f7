# Luo et al., "Bag of tricks and a strong baseline for deep person re-identification", 2019,
# without its centre loss.
model = dict(
    type='ReIDModel',
    flip_test=False,
    data_preprocessor=dict(
        type='ReIDDataPreprocessor',
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        batch_augments=[dict(type='BatchRandomErasing', prob=0.5, max_area=0.40)],
    ),
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        # The fourth stage keeps the size of the third's map.
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='Pretrained', checkpoint='pretrain/resnet50-0676ba61.pth'),
    ),
    neck=dict(type='GlobalPoolingNeck', pooling='avg'),
    head=dict(
        type='SingleBNNeckHead',
        loss_cls=dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1),
        loss_triplet=dict(type='BatchHardTripletLoss', margin=0.3, normalize=False),
    ),
)
