"""The search's first pass on a device: the CPU's results, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest

from msvitreid.errors import GalleryError
from msvitreid.gallery import EmbeddedGallery, create_gallery, vectors
from tests.fake_device import FakeDevice

from .made import MODEL, columns, names, unit

D = 16
COUNT = 300


@pytest.fixture
def gallery(tmp_path, monkeypatch):
    """Four blocks, and vectors that are there many times."""
    monkeypatch.setattr(vectors, '_SEGMENT_BYTES', 96 * 4 * D)
    made = unit(COUNT, D)
    made[7::9] = made[0]
    with create_gallery(tmp_path / 'gallery', D, MODEL) as gallery:
        gallery.add(names(COUNT), made, columns(COUNT))
        yield gallery


@pytest.mark.parametrize(
    'options',
    [
        dict(k=1),
        dict(k=7),
        dict(k=50),
        dict(k=None, threshold=0.3),
        dict(k=400),
        dict(k=3, where={'pid': 2}),
        dict(k=300, where={'pid': [0, 1, 3, 4]}),
        dict(k=5, exclude={'camera': ['c1', None] * 5}),
    ],
    ids=str,
)
def test_hits_are_those_of_the_cpu(gallery: EmbeddedGallery, options, monkeypatch):
    queries = np.concatenate([unit(COUNT, D)[:1], unit(9, D, 1)])
    expected = gallery.search(queries, **options)
    monkeypatch.setattr(gallery, 'device', 'cuda')
    with FakeDevice() as device:
        found = gallery.search(queries, **options)
    assert found.ids == expected.ids
    for one, other in zip(found.similarities, expected.similarities, strict=True):
        np.testing.assert_array_equal(one, other)
    # The number of candidates of each block, and these.
    assert device.waits.count('_to_copy to the host') <= 1
    assert len(device.waits) <= 4 + 1


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_vectors_that_are_not_finite(gallery, device, monkeypatch):
    path = next(gallery.path.glob('vectors-*.bin'))
    raw = np.fromfile(path, np.float32)
    raw[200 * D] = np.nan
    raw.tofile(path)
    monkeypatch.setattr(gallery, 'device', device)
    with FakeDevice(), pytest.raises(GalleryError, match='not finite'):
        gallery.search(unit(2, D), 3)
