import pytest

from msvitreid.apis import ReIDInferencer
from tests.apis.tiny_model import write_tiny_model

from .crops import draw_crops


@pytest.fixture(scope='package')
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='package')
def inferencer(model):
    return ReIDInferencer(model, device='cpu')


@pytest.fixture
def crops(tmp_path):
    draw_crops(tmp_path / 'crops')
    return tmp_path / 'crops'
