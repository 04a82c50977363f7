# ImageNet-1k in folders, <data_root>/imagenet/{train,val}/<class>/*, at 224x224: mmpretrain's
# dataset and augmentation with the settings of the published log. Images are BGR here; the
# model turns them to RGB.
_base_ = 'data_root.py'

# Height and width; pipelines refer to it, so that it can be changed in a leaf.
image_size = (224, 224)

train_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale='{{image_size.side}}',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='mmpretrain.RandAugment',
        # Its policies are looked up in mmpretrain.
        _scope_='mmpretrain',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[104, 116, 124], interpolation='bicubic'),
    ),
    # Listed by the log; some trainers leave it out with RandAugment, see pretrain/README.md.
    dict(
        type='mmpretrain.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        # The same factors with Pillow make mmcv warn of them in every worker.
        backend='cv2',
    ),
    # Every pixel is drawn separately, with the mean and deviation of the normalized images.
    dict(
        type='mmpretrain.RandomErasing',
        erase_prob=0.25,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=[103.53, 116.28, 123.675],
        fill_std=[57.375, 57.12, 58.395],
    ),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='mmpretrain.LoadImageFromFile'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale='{{image_size.side+32}}',
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size='{{image_size.side}}'),
    dict(type='mmpretrain.PackInputs'),
]

# A batch on each of 8 GPUs: 1,024 images a step.
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmpretrain.ImageNet', data_prefix='imagenet/train'),
    drop_last=True,
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='mmpretrain.ImageNet', data_prefix='imagenet/val'),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='TopKAccuracy', topk=(1, 5))
test_evaluator = val_evaluator
