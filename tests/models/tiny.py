"""Configs of nets small enough to train in a test."""

TINY_ARCH = {'dims': (8, 16, 16, 24), 'blocks': (1, 2, 2, 1), 'heads': (1, 2, 2)}


def tiny_backbone() -> dict:
    return {'arch': TINY_ARCH, 'split_size': (2, 2), 'sparse_ratio': 0.5}


def tiny_reid_model(**head: object) -> dict:
    """A ReID net for images of multiples of 32, 16-d vectors."""
    return dict(
        type='ReIDModel',
        backbone=dict(type='MSViT', out_channels=16, **tiny_backbone()),
        neck=dict(type='PartPoolingNeck'),
        head=dict(type='BNNeckHead', in_channels=16, **head),
    )
