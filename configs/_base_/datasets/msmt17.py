_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='MSMT17'))
val_dataloader = dict(dataset=dict(type='MSMT17'))
test_dataloader = dict(dataset=dict(type='MSMT17'))
