import numpy as np
import pytest
import torch

from msvitreid.errors import ConfigError, DatasetError
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


@pytest.mark.parametrize('none', [None, [], ()])
def test_no_augmentation(none):
    preprocessor = ReIDDataPreprocessor(batch_augments=none)
    assert preprocessor({'inputs': IMAGES}, training=True)['inputs'].max() == 1


IMAGE = IMAGES[0]
REFUSED = {
    'float batch': (IMAGES / 255, r'float32 \(2, 3, 4, 2\)'),
    'list of floats': ([IMAGE / 255], 'float32'),
    'int64': (IMAGES.long(), 'int64'),
    'bool': (IMAGES.bool(), 'bool'),
    'one channel': (IMAGES[:, :1], r'\(2, 1, 4, 2\)'),
    'four channels': (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), r'\(2, 4, 8, 8\)'),
    'channels last': (IMAGES.permute(0, 2, 3, 1), r'\(2, 4, 2, 3\)'),
    'one image': (IMAGE, r'\(3, 4, 2\)'),
    'list of batches': ([IMAGES], r'\(2, 3, 4, 2\)'),
    'empty batch': (IMAGES[:0], 'at least one image'),
    'empty list': ([], 'empty list'),
    'no pixels': (torch.zeros(1, 3, 0, 4, dtype=torch.uint8), 'pixels'),
    'two sizes': ([IMAGE, IMAGE[:, :3]], '3x2, 4x2'),
    'NumPy': (np.zeros((4, 2, 3), np.uint8), r'ndarray'),
    'list of NumPy': ([np.zeros((4, 2, 3), np.uint8)], r'permute\(2, 0, 1\)'),
    'None': (None, 'None'),
    'list with None': ([IMAGE, None], 'None'),
    'text': ('a.jpg', 'str'),
}


@pytest.mark.parametrize(('images', 'sentence'), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize('training', [True, False])
def test_what_would_give_wrong_embeddings_is_refused(images, sentence, training):
    """Images that are scaled a second time or misread: 24 images 0.9995 alike, and no word."""
    with pytest.raises(DatasetError, match=sentence):
        ReIDDataPreprocessor()({'inputs': images}, training=training)


@pytest.mark.parametrize('data', [{}, {'data_samples': []}, None, [IMAGE]])
def test_a_batch_without_images(data):
    with pytest.raises(DatasetError, match='inputs'):
        ReIDDataPreprocessor()(data)


@pytest.mark.parametrize('key', ['mean', 'std'])
@pytest.mark.parametrize(
    'value', [[0.5], [1, 1, 1, 1], ['a', 1, 1], [None, 1, 1], 0.5, 'abc', []]
)
def test_not_three_numbers(key, value):
    with pytest.raises(ConfigError, match=key):
        ReIDDataPreprocessor(**{key: value})


@pytest.mark.parametrize('std', [[0, 1, 1], [1, -1, 1]])
def test_std_that_divides_by_nothing(std):
    with pytest.raises(ConfigError, match=r'std must be above 0'):
        ReIDDataPreprocessor(std=std)


def test_mean_without_std():
    pixel = ReIDDataPreprocessor(mean=(0.5, 0.2, 0))({'inputs': IMAGES})['inputs'][0, :, 0, 0]
    torch.testing.assert_close(pixel, torch.tensor([-0.5, 0.0, 1.0]))


@pytest.mark.parametrize(
    'augments', ['BatchRandomErasing', {'type': 'BatchRandomErasing'}, [3]]
)
def test_augments_of_another_form(augments):
    with pytest.raises(ConfigError, match=r'batch_augments'):
        ReIDDataPreprocessor(batch_augments=augments)
