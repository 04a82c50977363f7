# Neck: the three vectors of whole maps, for those and two of parts.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(neck=dict(num_parts=0))
