import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.models import BatchRandomErasing
from msvitreid.registry import MODELS


def test_erases_exactly_the_drawn_rectangles():
    augment = BatchRandomErasing(max_area=0.4)
    images = torch.rand(16, 3, 24, 12) + 0.1
    torch.manual_seed(3)
    edges = torch.stack(augment.draw(16, 24, 12)).long()
    torch.manual_seed(3)
    erased = augment(images)
    for image, result, (left, top, right, bottom) in zip(images, erased, edges.T, strict=True):
        expected = image.clone()
        expected[:, top:bottom, left:right] = 0
        assert torch.equal(result, expected)


def test_shares_follow_the_published_ranges():
    height, width = 384, 128
    torch.manual_seed(0)
    left, top, right, bottom = BatchRandomErasing(0.4).draw(20000, height, width)
    box_w, box_h = right - left, bottom - top
    hit = box_w > 0
    assert hit.double().mean().item() == pytest.approx(0.5, abs=0.02)
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= width).all()
    assert (bottom <= height).all()
    share = (box_w * box_h / (height * width))[hit]
    assert share.max() < 0.41
    assert share.min() > 0.018
    # Boxes cut at the border keep their area where the height allows; the mean is uniform's.
    assert share.mean().item() == pytest.approx(0.21, abs=0.01)
    inner = hit & (box_w < width) & (box_h < height)
    aspect = (box_w / box_h)[inner]
    assert 0.28 < aspect.min() < 0.33
    assert 2.5 < aspect.max() < 3.5
    # Corners are uniform among those that fit.
    room = width - box_w
    position = (left / room)[inner & (room > 60)]
    assert position.mean().item() == pytest.approx(0.5, abs=0.02)


def test_draws_follow_torchs_seed():
    images = torch.ones(8, 3, 16, 8)
    augment = BatchRandomErasing()
    torch.manual_seed(5)
    expected = augment(images)
    assert not torch.equal(augment(images), expected)
    torch.manual_seed(5)
    assert torch.equal(augment(images), expected)


def test_the_input_stays_as_it_is():
    images = torch.ones(8, 3, 16, 8)
    BatchRandomErasing(prob=1.0)(images)
    assert images.min() == 1


@pytest.mark.parametrize('areas', [(0.0, 0.4), (0.5, 0.4), (0.1, 1.2)])
def test_bad_areas(areas):
    options = dict(zip(('min_area', 'max_area'), areas, strict=True))
    with pytest.raises(ConfigError, match=r'BatchRandomErasing.*_area'):
        MODELS.build({'type': 'BatchRandomErasing', **options})
