# Head: one BatchNorm and one classifier on all vectors in a row, for one of each a vector.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(head=dict(_delete_=True, type='SingleBNNeckHead'))
