"""Each room can be imported without those above it; ``make lint`` checks the imports themselves."""

from importlib.util import find_spec

import pytest

from .test_import import modules_after

GROUND = {'version', 'errors', 'utils', 'structures'}
MEASURES = {'evaluation'}
BELOW_MODELS = GROUND | {'registry', 'checkpoints'}
BELOW_ENGINE = BELOW_MODELS | MEASURES | {'datasets', 'models', 'deployment'}

#: What importing a room may load of ours, and what it must not load of others.
ROOMS = {
    'errors': ({'version'}, {'torch', 'mmengine', 'numpy'}),
    'utils.files': (GROUND, {'torch', 'mmengine', 'cv2'}),
    'structures': (GROUND, {'cv2', 'mmengine.runner'}),
    'registry': (GROUND | {'registry'}, {'torch', 'cv2', 'mmengine.runner'}),
    'checkpoints': (GROUND | {'checkpoints'}, {'cv2', 'mmcv', 'mmengine.runner'}),
    'evaluation.functional': ({'version', 'evaluation'}, {'mmengine', 'cv2', 'scipy', 'PIL'}),
    'evaluation.metrics': (GROUND | {'registry', 'evaluation'}, {'mmengine.runner', 'mmcv'}),
    'datasets': (GROUND | {'registry', 'datasets'}, {'mmengine.runner', 'scipy', 'sklearn'}),
    'models.necks': (BELOW_MODELS | {'models'}, {'cv2', 'mmcv', 'mmengine.runner'}),
    'models': (BELOW_MODELS | {'models'}, {'cv2', 'mmcv', 'mmengine.runner', 'torchvision'}),
    'deployment': (BELOW_MODELS | {'models', 'deployment'}, {'openvino', 'mmengine.runner'}),
    'engine': (BELOW_ENGINE | {'engine'}, {'mmpretrain', 'torchvision', 'matplotlib'}),
    'visualization': (GROUND | {'datasets', 'registry', 'visualization'}, {'mmengine.runner'}),
    'demo': (GROUND | {'demo'}, {'torch', 'mmengine'}),
    'apis': (BELOW_ENGINE | {'engine', 'apis'}, {'mmpretrain', 'matplotlib'}),
    'serving': (BELOW_ENGINE | {'engine', 'apis', 'gallery', 'serving'}, {'mmpretrain'}),
    'cli': (GROUND | {'cli'}, {'torch', 'mmengine', 'numpy'}),
}


#: What may be imported before a room, as all rooms of the group do.
COMMON = {
    '': ['errors', 'utils.files', 'registry', 'demo', 'cli'],
    'import torch': ['evaluation.functional'],
    'import torch, mmengine': [],
}


@pytest.fixture(scope='module')
def loaded():
    """Modules after the import of each room."""
    light = [room for rooms in COMMON.values() for room in rooms]
    last = [room for room in ROOMS if room not in light]
    if find_spec('fastapi') is None:
        last.remove('serving')
    found = {}
    for common, rooms in COMMON.items():
        rooms = rooms or last
        statements = [f'import msvitreid.{room}' for room in rooms]
        found |= dict(zip(rooms, modules_after(*statements, common=common), strict=True))
    return found


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_loads_nothing_above_it(room, loaded):
    if room not in loaded:
        pytest.skip('needs fastapi')
    ours, forbidden = ROOMS[room]
    rooms = {name.split('.')[1] for name in loaded[room] if name.startswith('msvitreid.')}
    assert rooms <= ours | {room.partition('.')[0]}
    assert not forbidden & loaded[room]
