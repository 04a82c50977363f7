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
    preprocessor = ReIDDataPreprocessor(mean=[0.5, 0.2, 0.0], std=[0.5, 1.0, 0.25])
    pixel = preprocessor({'inputs': IMAGES})['inputs'][0, :, 0, 0]
    torch.testing.assert_close(pixel, torch.tensor([-1.0, 0.0, 4.0]))


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
    'sparse': (IMAGES.to_sparse(), 'sparse_coo'),
    'sparse rows': (torch.zeros(3, 4, dtype=torch.uint8).to_sparse_csr(), 'sparse_csr'),
    'nested': (torch.nested.nested_tensor([IMAGE, IMAGE[:, :3]]), 'nested'),
    'jagged': (
        torch.nested.nested_tensor([IMAGE[0], IMAGE[0, :3]], layout=torch.jagged),
        'nested',
    ),
    'meta': (IMAGES.to('meta'), 'meta device'),
    'list of sparse': ([IMAGE.to_sparse()], 'sparse_coo'),
    'list of nested': ([torch.nested.nested_tensor([IMAGE[0]])], 'nested'),
    'list with meta': ([IMAGE, IMAGE.to('meta')], 'meta device'),
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


class OnAGPU(torch.Tensor):
    device = torch.device('cuda', 0)


def test_a_list_of_images_on_several_devices():
    with pytest.raises(DatasetError, match='one device, got cpu, cuda:0'):
        ReIDDataPreprocessor()({'inputs': [IMAGE, IMAGE.as_subclass(OnAGPU)]})


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


@pytest.mark.parametrize('std', [[0, 1, 1], [1, -1, 1], [1e-60, 1, 1]])
def test_std_that_divides_by_nothing(std):
    with pytest.raises(ConfigError, match=r'std must be above 0'):
        ReIDDataPreprocessor(std=std)


@pytest.mark.parametrize(
    ('option', 'divided'),
    [
        ({'mean': [123, 116, 103]}, r'mean .*\[0\.4824, 0\.4549, 0\.4039\]'),
        ({'std': [58, 57, 57]}, r'std .*\[0\.2275, 0\.2235, 0\.2235\]'),
        ({'mean': [0.485, 1.01, 0.4]}, 'mean'),
        ({'mean': [-0.1, 0, 0]}, 'mean'),
        ({'std': [1, 1, 1.01]}, 'std'),
        ({'mean': [1e300, 0, 0]}, 'mean'),
    ],
)
def test_mean_and_std_of_another_unit(option, divided):
    """Options in a unit that the module does not compute in: the image is nearly constant."""
    with pytest.raises(ConfigError, match=divided):
        ReIDDataPreprocessor(**option)


def test_mean_and_std_at_the_ends_of_their_ranges():
    preprocessor = ReIDDataPreprocessor(mean=[0, 1, 1], std=[1, 1, 1e-3])
    pixel = preprocessor({'inputs': IMAGES})['inputs'][0, :, 0, 0]
    torch.testing.assert_close(pixel, torch.tensor([0.0, -0.8, 0.0]))


def test_mean_without_std():
    pixel = ReIDDataPreprocessor(mean=(0.5, 0.2, 0))({'inputs': IMAGES})['inputs'][0, :, 0, 0]
    torch.testing.assert_close(pixel, torch.tensor([-0.5, 0.0, 1.0]))


@pytest.mark.parametrize(
    'augments', ['BatchRandomErasing', {'type': 'BatchRandomErasing'}, [3]]
)
def test_augments_of_another_form(augments):
    with pytest.raises(ConfigError, match=r'batch_augments'):
        ReIDDataPreprocessor(batch_augments=augments)
