from __future__ import annotations

from pathlib import Path

from .tree import write_image

CLASSES = ('n01440764', 'n01443537', 'n01484850')


def write_imagenet(data_root: Path, train_images: int = 4, val_images: int = 2) -> None:
    """ImageNet of three classes in folders; so many images of each."""
    for split, images in (('train', train_images), ('val', val_images)):
        for label, name in enumerate(CLASSES):
            for number in range(images):
                path = data_root / 'imagenet' / split / name / f'{name}_{number}.jpg'
                write_image(path, label, (48, 40))
