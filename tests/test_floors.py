"""Each room can be imported without those above it; ``make lint`` checks the imports themselves."""

import json
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize('room', ROOMS)
def test_a_room_loads_nothing_above_it(room):
    if room == 'serving':
        pytest.importorskip('fastapi')
    ours, forbidden = ROOMS[room]
    code = f'import json, sys, msvitreid.{room}; print(json.dumps(list(sys.modules)))'
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ''
    loaded = set(json.loads(done.stdout))
    rooms = {name.split('.')[1] for name in loaded if name.startswith('msvitreid.')}
    assert rooms <= ours | {room.partition('.')[0]}
    assert not forbidden & loaded
