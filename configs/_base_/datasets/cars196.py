_base_ = 'fine_grained_224.py'

train_dataloader = dict(dataset=dict(type='Cars196'))
val_dataloader = dict(dataset=dict(type='Cars196'))
test_dataloader = dict(dataset=dict(type='Cars196'))
