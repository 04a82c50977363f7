# Cars, birds and products: 4 classes x 6 images a batch, self-retrieval, Recall@k and NMI.
_base_ = 'loaders.py'

# Height and width; pipelines refer to it, so that it can be changed in a leaf.
image_size = (224, 224)

train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh+32}}'),
    dict(type='RandomCrop', size='{{image_size}}'),
    dict(type='RandomCrop', size='{{image_size}}', padding=8),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh+32}}'),
    dict(type='CenterCrop', crop_size='{{image_size.wh}}'),
    dict(type='PackReIDInputs'),
]

train_dataloader = dict(sampler=dict(num_instances=6))

val_evaluator = dict(_delete_=True, type='RetrievalMetric', topk=(1, 2, 4, 8), nmi=True)
test_evaluator = val_evaluator
