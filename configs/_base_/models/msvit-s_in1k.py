# The classifier net of ImageNet pre-training, as the published log shows it: GELU and dense
# attention.
model = dict(
    type='mmpretrain.ImageClassifier',
    data_preprocessor=dict(
        type='mmpretrain.ClsDataPreprocessor',
        # Its batch augments are looked up in mmpretrain only.
        _scope_='mmpretrain',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        # Without probabilities each batch gets one or the other evenly: switch 0.5.
        batch_augments=dict(
            augments=[dict(type='Mixup', alpha=0.2), dict(type='CutMix', alpha=0.3)],
        ),
    ),
    backbone=dict(
        type='msvitreid.MSViT',
        arch='s',
        num_branches=1,
        last_stride=2,
        split_size=(7, 7),
        sparse_ratio=1.0,
        drop_path_rate=0.05,
        act_cfg=dict(type='GELU'),
    ),
    head=dict(
        type='msvitreid.ImageNetHead',
        act_cfg=dict(type='GELU'),
        loss=dict(type='mmpretrain.LabelSmoothLoss', label_smooth_val=0.1),
    ),
)
