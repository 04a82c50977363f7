"""Embeddings of made identities, whose images look more alike than others' do."""

import numpy as np

from msvitreid.apis import Embeddings


def made_embeddings(identities=40, each=8, width=16, noise=0.7, seed=0):
    """:class:`Embeddings`, pids as texts and camids of two cameras."""
    rng = np.random.default_rng(seed)
    of_image = np.repeat(np.arange(identities), each)
    centers = rng.normal(size=(identities, width))
    values = centers[of_image] + noise * rng.normal(size=(len(of_image), width))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    paths = [f'set/{i:04d}.jpg' for i in range(len(of_image))]
    camids = [('door', 'stairs')[i % 2] for i in range(len(of_image))]
    found = Embeddings(values.astype(np.float32), paths, {}, 'ab' * 32)
    return found, [f'p{pid}' for pid in of_image], camids
