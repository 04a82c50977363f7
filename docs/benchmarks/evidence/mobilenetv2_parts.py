# MobileNetV2 of ImageNet weights in front of MSViT's neck and head.
_base_ = 'msvitreid::own/own-person-128x64_mobilenetv2.py'

model = dict(
    neck=dict(_delete_=True, type='PartPoolingNeck', num_parts=2),
    head=dict(_delete_=True, type='BNNeckHead', loss_triplet=dict(type='BatchHardTripletLoss')),
)
