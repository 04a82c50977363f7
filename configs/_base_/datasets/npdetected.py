_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='CUHK03NP', variant='detected'))
val_dataloader = dict(dataset=dict(type='CUHK03NP', variant='detected'))
test_dataloader = dict(dataset=dict(type='CUHK03NP', variant='detected'))
