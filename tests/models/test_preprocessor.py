import torch

from msvitreid.models import ReIDDataPreprocessor
from msvitreid.structures import ReIDDataSample

IMAGES = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 2)


def test_to_unit_range():
    samples = [ReIDDataSample(label=0), ReIDDataSample(label=1)]
    data = ReIDDataPreprocessor()({'inputs': IMAGES, 'data_samples': samples})
    assert data['inputs'].shape == (2, 3, 4, 2)
    torch.testing.assert_close(data['inputs'][1, :, 0, 0], torch.tensor([0.0, 0.2, 1.0]))
    assert data['data_samples'] is samples


def test_a_list_of_images_is_stacked():
    data = ReIDDataPreprocessor()({'inputs': list(IMAGES)})
    assert data['inputs'].shape == (2, 3, 4, 2)
    assert data['data_samples'] is None


def test_mean_and_std():
    preprocessor = ReIDDataPreprocessor(mean=[0.5, 0.2, 0.0], std=[0.5, 1.0, 2.0])
    pixel = preprocessor({'inputs': IMAGES})['inputs'][0, :, 0, 0]
    torch.testing.assert_close(pixel, torch.tensor([-1.0, 0.0, 0.5]))


def test_batch_augments_run_in_training_only():
    erase_all = dict(type='BatchRandomErasing', min_area=1.0, max_area=1.0, prob=1.0)
    preprocessor = ReIDDataPreprocessor(batch_augments=[erase_all])
    white = torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)
    assert preprocessor({'inputs': white})['inputs'].min() == 1
    assert preprocessor({'inputs': white}, training=True)['inputs'].min() == 0
