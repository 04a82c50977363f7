_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='PDukeMTMC'))
val_dataloader = dict(dataset=dict(type='PDukeMTMC'))
test_dataloader = dict(dataset=dict(type='PDukeMTMC'))
