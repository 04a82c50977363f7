# Sampler: mmengine's random order of all images for batches of identities.
# Few images then have another one of their identity in the batch, so the triplet loss, which
# needs one for each, is off.
_base_ = '../msvit/msvit-s_occluded-duke.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
model = dict(head=dict(triplet_vectors=0))
