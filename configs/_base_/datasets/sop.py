# Products have 5 images on average: 4 of each a batch.
_base_ = 'fine_grained_224.py'

train_dataloader = dict(batch_size=128, sampler=dict(num_instances=4), dataset=dict(type='SOP'))
val_dataloader = dict(dataset=dict(type='SOP'))
test_dataloader = dict(dataset=dict(type='SOP'))

val_evaluator = dict(topk=(1, 10, 100, 1000), nmi=False)
test_evaluator = val_evaluator
