model = dict(
    type='ReIDModel',
    # The authors' ImageNet weights; None trains from scratch.
    pretrained='pretrain/msvit_s.pth',
    data_preprocessor=dict(
        type='ReIDDataPreprocessor',
        batch_augments=[dict(type='BatchRandomErasing', max_area=0.40)],
    ),
    backbone=dict(
        type='MSViT',
        arch='s',
        split_size=(8, 8),
        sparse_ratio=0.3,
        drop_path_rate=0.10,
        act_cfg=dict(type='ReLU'),
        frozen_stages=0,
    ),
    neck=dict(type='PartPoolingNeck', num_parts=2),
    head=dict(
        type='BNNeckHead',
        loss_cls=dict(type='CrossEntropyLoss'),
        loss_triplet=dict(type='BatchHardTripletLoss'),
        triplet_weight=1.0,
    ),
)
