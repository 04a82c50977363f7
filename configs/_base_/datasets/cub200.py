_base_ = 'fine_grained_224.py'

train_dataloader = dict(dataset=dict(type='CUB200'))
val_dataloader = dict(dataset=dict(type='CUB200'))
test_dataloader = dict(dataset=dict(type='CUB200'))
