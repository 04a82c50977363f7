_base_ = 'person_256x128.py'

train_dataloader = dict(dataset=dict(type='Market1501'))
val_dataloader = dict(dataset=dict(type='Market1501'))
test_dataloader = dict(dataset=dict(type='Market1501'))
