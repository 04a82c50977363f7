_base_ = 'person_256x128.py'

train_dataloader = dict(dataset=dict(type='OccludedDuke'))
val_dataloader = dict(dataset=dict(type='OccludedDuke'))
test_dataloader = dict(dataset=dict(type='OccludedDuke'))
