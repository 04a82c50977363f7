_base_ = 'msvit-s_224.py'

model = dict(
    pretrained='pretrain/msvit_l.pth',
    backbone=dict(arch='l', drop_path_rate=0.15),
)
