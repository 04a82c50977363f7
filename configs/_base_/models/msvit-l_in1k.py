_base_ = 'msvit-s_in1k.py'

model = dict(
    data_preprocessor=dict(
        batch_augments=dict(
            augments=[dict(type='Mixup', alpha=0.4), dict(type='CutMix', alpha=0.5)],
        ),
    ),
    backbone=dict(arch='l', drop_path_rate=0.10),
)
