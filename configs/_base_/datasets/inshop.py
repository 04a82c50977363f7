_base_ = 'fine_grained_224.py'

train_dataloader = dict(
    batch_size=128, sampler=dict(num_instances=4), dataset=dict(type='InShop')
)
val_dataloader = dict(dataset=dict(type='InShop'))
test_dataloader = dict(dataset=dict(type='InShop'))

val_evaluator = dict(topk=(1, 10, 20, 30), nmi=False)
test_evaluator = val_evaluator
