# The demo's recipe without parts: the three vectors of whole maps only.
_base_ = 'msvit-demo.py'

model = dict(neck=dict(num_parts=0))
