# Cars and CUB: 4 classes x 6 images a batch, self-retrieval, Recall@k and NMI.
data_root = '{{$MSVITREID_DATA_ROOT:data}}'
on_count_mismatch = 'error'

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(256, 256)),
    dict(type='RandomCrop', size=(224, 224)),
    dict(type='RandomCrop', size=(224, 224), padding=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(256, 256)),
    dict(type='CenterCrop', crop_size=(224, 224)),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(
    batch_size=24,
    num_workers=4,
    sampler=dict(type='IdentitySampler', num_instances=6),
    collate_fn=dict(type='default_collate'),
    dataset=dict(split='train', pipeline=train_pipeline),
    drop_last=True,
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(split='test', pipeline=test_pipeline),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='RetrievalMetric', topk=(1, 2, 4, 8), nmi=True)
test_evaluator = val_evaluator
