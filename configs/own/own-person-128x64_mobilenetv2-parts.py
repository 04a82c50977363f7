# Your own crops of persons, on a CPU: timm's MobileNetV2 from ImageNet weights in front of MSViT's
# neck and head, which is better than one pooled vector (docs/evidence.md).
_base_ = 'own-person-128x64_mobilenetv2.py'

model = dict(
    neck=dict(_delete_=True, type='PartPoolingNeck', num_parts=2),
    head=dict(_delete_=True, type='BNNeckHead', loss_triplet=dict(type='BatchHardTripletLoss')),
)
