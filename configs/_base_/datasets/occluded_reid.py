# Training and validation on Market-1501, as Occluded-REID has test images only.
_base_ = 'market1501.py'

test_dataloader = dict(dataset=dict(type='OccludedREID'))
