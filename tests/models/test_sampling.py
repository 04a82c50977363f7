from __future__ import annotations

import pytest
import torch

from msvitreid.datasets import collate_unprepared
from msvitreid.models import ReIDDataPreprocessor
from msvitreid.models.sampling import sample_images
from msvitreid.structures import UnpreparedImages
from tests.fake_device import CUDA, FakeDevice

CPU = torch.device('cpu')


def image(values: list[list[int]], rows: list[float], columns: list[float]) -> UnpreparedImages:
    """Gray values; green is 1 more, blue 2."""
    gray = torch.tensor(values, dtype=torch.uint8)
    pixels = torch.stack([gray, gray + 1, gray + 2], dim=-1).view(-1, 3)
    sizes = torch.tensor([gray.shape])
    return UnpreparedImages(pixels, sizes, torch.tensor([rows]), torch.tensor([columns]))


BOTH = [
    image([[0, 100], [200, 40]], rows=[0, 0.5, 1], columns=[1, 0.25]),
    image([[10, 20, 30]], rows=[0, 0, 0], columns=[2, 1.1]),
]
EXPECTED = torch.tensor([[[100, 25], [70, 93], [40, 160]], [[30, 21], [30, 21], [30, 21]]])


@pytest.mark.parametrize('joined', [True, False])
def test_bilinear_samples_by_hand(joined):
    """92.5 is rounded up, as by OpenCV; there is nothing beyond the last row or column."""
    batch = UnpreparedImages.joined(BOTH) if joined else BOTH
    inputs = ReIDDataPreprocessor()({'inputs': batch})['inputs']
    assert inputs.shape == (2, 3, 3, 2)
    for channel in range(3):
        found = inputs[:, channel] * 255
        torch.testing.assert_close(found, EXPECTED.float() + channel, atol=1e-3, rtol=0)


def test_augmentation_and_normalization_follow():
    erase_all = dict(type='BatchRandomErasing', min_area=1.0, max_area=1.0, prob=1.0)
    preprocessor = ReIDDataPreprocessor([0.5] * 3, [0.25] * 3, [erase_all])
    batch = collate_unprepared([{'inputs': one, 'data_samples': None} for one in BOTH])
    assert (preprocessor(batch, training=True)['inputs'] == -2).all()
    plain = preprocessor(batch)['inputs']
    torch.testing.assert_close(plain, (sample_images(batch['inputs'], CPU) - 0.5) / 0.25)


def test_a_device_gives_the_same_without_a_wait():
    batch = UnpreparedImages.joined(BOTH)
    with FakeDevice() as device:
        found = sample_images(batch, CUDA)
    assert torch.equal(found.held, sample_images(batch, CPU))
    assert device.waits == []


def test_a_batch_is_pinned_as_its_fields():
    """torch's loader pins named tuples field by field, and leaves what it does not know."""
    batch = collate_unprepared(
        [{'inputs': one, 'data_samples': n} for n, one in enumerate(BOTH)]
    )
    assert isinstance(batch['inputs'], tuple)
    assert batch['inputs'].shape == (2, 3, 3, 2)
    assert batch['inputs'].pixels.shape == (7, 3)
    assert batch['data_samples'] == [0, 1]
