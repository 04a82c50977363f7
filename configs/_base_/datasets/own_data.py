# Your own crops: the list that `msvitreid split` writes; csv=None reads folders.
_base_ = 'loaders.py'

csv = 'split.csv'

# Height and width; pipelines refer to it, so that it can be changed in a leaf.
image_size = (128, 64)

# LetterboxResize in place of Resize, in both, keeps the aspect ratio of crops of any shape.
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='RandomCrop', size='{{image_size}}', padding=4),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackReIDInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='Resize', scale='{{image_size.wh}}'),
    dict(type='PackReIDInputs'),
]

# An epoch has 40 steps at least, and as many more as the images fill: a schedule in steps that is
# stretched to the number of images. Of few identities a batch takes more images each.
train_dataloader = dict(
    num_workers=1,
    sampler=dict(min_batches=40, adapt=True),
    dataset=dict(type='ReIDDataset'),
)
val_dataloader = dict(num_workers=0, dataset=dict(type='ReIDDataset'))
test_dataloader = dict(num_workers=0, dataset=dict(type='ReIDDataset'))
