"""Part pooling and similarity by vectors; class of faults: shares that do not add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import PartPoolingNeck
from msvitreid.visualization.nets import pooled_vectors, similarity_shares
from tests.models.tiny import tiny_tested_net


@pytest.fixture(scope='module')
def model():
    return tiny_tested_net()


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 3, 64, 32), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(
    ('mode', 'parts', 'rows', 'expected'),
    [
        ('interleaved', 2, 6, [[0, 2, 4], [1, 3, 5]]),
        ('contiguous', 2, 5, [[0, 1, 2], [3, 4]]),
        ('interleaved', 3, 4, [[0, 3], [1], [2]]),
        ('interleaved', 0, 4, []),
    ],
)
def test_rows_of_parts(mode, parts, rows, expected):
    assert PartPoolingNeck(parts, mode).rows_of_parts(rows) == expected


def test_too_few_rows():
    with pytest.raises(ConfigError, match='num_parts'):
        PartPoolingNeck(3).rows_of_parts(2)


def test_vectors_are_pooled_from_their_rows(model, images):
    vectors = pooled_vectors(model, images[0])
    assert [vector.name for vector in vectors] == [
        'global: RMS',
        'parts: RMS',
        'global: max',
        'part 1: max',
        'part 2: max',
    ]
    for vector in vectors:
        assert vector.weights.shape == (4, 2)
        assert vector.weights.sum() == pytest.approx(1)
    assert (vectors[3].rows, vectors[4].rows) == ([0, 2], [1, 3])
    assert vectors[3].weights[1::2].sum() == vectors[4].weights[::2].sum() == 0


def test_maxima_are_where_the_map_has_them(model, images, monkeypatch):
    """Of 3 channels one is dead: it has its maximum nowhere, and 2 count."""
    map_ = torch.zeros(1, 3, 4, 2)
    map_[0, 0, 2, 1] = map_[0, 1, 0, 0] = 1
    map_[0, 1, 1, 1] = 2
    monkeypatch.setattr(model.backbone, 'forward', lambda x: (map_, map_))
    rms, _, whole, even, odd = pooled_vectors(model, images[0])
    assert (whole.channels, even.channels, odd.channels) == (2, 2, 1)
    assert whole.weights[2, 1] == whole.weights[1, 1] == 0.5
    assert even.weights[2, 1] == even.weights[0, 0] == 0.5
    assert odd.weights[1, 1] == 1
    assert rms.weights[1, 1] == pytest.approx(4 / 6)


@pytest.mark.parametrize('flip', [True, False])
def test_shares_add_up_to_the_similarity(model, images, flip):
    found = similarity_shares(model, images, flip)
    with torch.no_grad():
        unit = model.embed(model.data_preprocessor({'inputs': images})['inputs'], flip=flip)
    assert len(found.shares) == 5
    assert found.similarity == pytest.approx(float(unit[0] @ unit[1]), abs=1e-6)
    assert sum(found.shares) == found.similarity
    assert (np.abs(found.cosines) <= 1 + 1e-9).all()


def test_an_image_with_itself(model, images):
    found = similarity_shares(model, images[[0, 0]], True)
    assert found.similarity == pytest.approx(1, abs=1e-9)
    assert found.cosines == pytest.approx(np.ones(5))


def test_another_neck(images):
    model = tiny_tested_net()
    model.neck = nn.Identity()
    with pytest.raises(ConfigError, match='Identity has no parts'):
        pooled_vectors(model, images[0])
    with pytest.raises(ConfigError, match='Identity has no parts'):
        similarity_shares(model, images, True)
