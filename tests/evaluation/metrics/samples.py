from __future__ import annotations

import numpy as np
import torch

from msvitreid.structures import ReIDDataSample


def make_samples(features, pids, splits, camids=None):
    """Data samples as a model in predict mode gives them."""
    samples = []
    for index, feature in enumerate(np.asarray(features, dtype=np.float32)):
        sample = ReIDDataSample(
            metainfo={
                'img_path': f'images/{index}.jpg',
                'split': splits[index],
                'sample_idx': index,
            }
        )
        sample.pid = int(pids[index])
        sample.camid = -1 if camids is None else int(camids[index])
        sample.embedding = torch.from_numpy(feature)
        samples.append(sample)
    return samples
