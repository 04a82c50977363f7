# The transformer baseline of He et al., "TransReID: transformer-based object
# re-identification", 2021, in the size of DeiT-S: no side information, no jigsaw.
model = dict(
    type='ReIDModel',
    flip_test=False,
    data_preprocessor=dict(
        type='ReIDDataPreprocessor',
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        batch_augments=[dict(type='BatchRandomErasing', prob=0.5, max_area=1 / 3)],
    ),
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='deit-small',
        img_size='{{image_size}}',
        patch_size=16,
        drop_path_rate=0.1,
        out_type='cls_token',
        # Position embeddings are resized from 14x14 to the image's patches.
        init_cfg=dict(
            type='Pretrained',
            checkpoint='pretrain/deit-small_pt-4xb256_in1k_20220218-9425b9bb.pth',
            prefix='backbone',
        ),
    ),
    # The class token is a vector already and passes through.
    neck=dict(type='GlobalPoolingNeck'),
    head=dict(
        type='SingleBNNeckHead',
        loss_cls=dict(type='CrossEntropyLoss'),
        loss_triplet=dict(type='BatchHardTripletLoss', normalize=False),
    ),
)
