# Your own crops of persons: a folder per identity, or a list (csv='list.csv').
_base_ = 'person_384x128.py'

train_dataloader = dict(dataset=dict(type='ReIDDataset'))
val_dataloader = dict(dataset=dict(type='ReIDDataset'))
test_dataloader = dict(dataset=dict(type='ReIDDataset'))
