_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='CUHK03NP', variant='labeled'))
val_dataloader = dict(dataset=dict(type='CUHK03NP', variant='labeled'))
test_dataloader = dict(dataset=dict(type='CUHK03NP', variant='labeled'))
