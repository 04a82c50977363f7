# The fine-grained sets' net: 224x224 images are cut into groups of 7x7 tokens.
_base_ = 'msvit-s.py'

model = dict(
    data_preprocessor=dict(
        batch_augments=[dict(type='BatchRandomErasing', max_area=0.10)],
    ),
    backbone=dict(split_size=(7, 7)),
)
