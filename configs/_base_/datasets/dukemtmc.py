_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='DukeMTMC'))
val_dataloader = dict(dataset=dict(type='DukeMTMC'))
test_dataloader = dict(dataset=dict(type='DukeMTMC'))
