# Your own crops of persons, on a GPU (add --amp): MSViT-S from scratch, batches of 16 x 4.
_base_ = 'own-person-256x128.py'

model = dict(
    backbone=dict(
        arch=dict(dims=(32, 64, 128, 256), blocks=(3, 6, 15, 3), heads=(2, 4, 8)),
        out_channels=512,
        drop_path_rate=0.1,
    )
)
train_dataloader = dict(batch_size=64, num_workers=4)
