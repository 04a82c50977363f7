# What all re-identification sets share: how batches are made, and the person sets' measure:
# 6 identities x 4 images a batch, the Market-1501 rule, trapezoid AP.
_base_ = 'data_root.py'

on_count_mismatch = 'error'

train_dataloader = dict(
    batch_size=24,
    num_workers=4,
    sampler=dict(type='IdentitySampler', num_instances=4),
    collate_fn=dict(type='default_collate'),
    dataset=dict(split='train'),
    drop_last=True,
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(split='test'),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ReIDMetric', ap='trapezoid', topk=(1, 5, 10))
test_evaluator = val_evaluator
