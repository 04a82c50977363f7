from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import savemat

from .tree import DEFAULT_SHAPE, Row, Table, TreeShape, write_clutter, write_image

FIELDS = ('relative_im_path', 'bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'test')


def write_cars196(data_root: Path, shape: TreeShape = DEFAULT_SHAPE) -> Table:
    """Training classes end at 98 and test classes begin at 99, so both sides are used."""
    root = data_root / 'CARS'
    table: Table = {'train': [], 'query': []}
    annotations = []
    train = range(99 - shape.train_identities, 99)
    test = range(99, 99 + shape.test_identities)
    for split, classes in (('query', test), ('train', train)):
        for label in classes:
            for _ in range(shape.images):
                path = f'car_ims/{len(annotations) + 1:06d}.jpg'
                write_image(root / path, label, shape.image_size)
                table[split].append(Row(str(root / path), label, -1))
                # The test flag is the classification split's: unlike the retrieval split.
                annotations.append((path, 1, 1, 20, 40, label, len(annotations) % 2))
    write_clutter(root / 'car_ims')
    # 1xN struct array, as MATLAB saves it: every field is an array of its own.
    struct = np.array([annotations], dtype=[(field, object) for field in FIELDS])
    savemat(root / 'cars_annos.mat', {'annotations': struct, 'class_names': ['a', 'b']})
    return table
