# Neck: parts that are chunks of rows, for parts of every second row.
_base_ = '../msvit/msvit-s_occluded-duke.py'

model = dict(neck=dict(part_mode='contiguous'))
