# Sampler: every identity equally often, one image at a time, for four images an identity.
# Batches then have no two images of one identity, so the triplet loss, which needs them, is off.
_base_ = '../msvit/msvit-s_occluded-duke.py'

train_dataloader = dict(sampler=dict(num_instances=1))
model = dict(head=dict(triplet_vectors=0))
