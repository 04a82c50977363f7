# Neck: one generalized mean a map, for root mean squares, maxima and parts.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(neck=dict(_delete_=True, type='GlobalPoolingNeck', pooling='gem'))
