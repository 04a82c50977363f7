# Loss: the triplet loss with a margin of 0.3, for the soft margin.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(head=dict(loss_triplet=dict(margin=0.3)))
