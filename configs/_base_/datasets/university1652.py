# Locating what a drone sees; task='satellite2drone' in val and test is the other direction.
# rank-k is this set's Recall@k: every query has its building in the gallery and no image is
# left out.
_base_ = 'square_256.py'

train_dataloader = dict(batch_size=32, dataset=dict(type='University1652'))
val_dataloader = dict(dataset=dict(type='University1652', task='drone2satellite'))
test_dataloader = dict(dataset=dict(type='University1652', task='drone2satellite'))
