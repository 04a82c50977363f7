# Cars, birds and products: 4 classes x 6 images a batch, self-retrieval, Recall@k and NMI.
_base_ = 'loaders.py'

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

train_dataloader = dict(sampler=dict(num_instances=6), dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(_delete_=True, type='RetrievalMetric', topk=(1, 2, 4, 8), nmi=True)
test_evaluator = val_evaluator
