import re
import subprocess
import sys

import pytest

#: Of torch 2.4, where mmengine is imported.
OF_TORCH = re.compile(r'.*DeprecationWarning: `TorchScript` support for functional.*\n.*\n')


def modules_after(statement: str) -> set[str]:
    code = f'{statement}; import sys; print(" ".join(sys.modules))'
    run = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert OF_TORCH.sub('', run.stderr) == ''
    return set(run.stdout.split())


def test_importing_the_package_is_light():
    loaded = modules_after('import msvitreid')
    assert not {'torch', 'mmengine', 'mmcv', 'cv2', 'numpy'} & loaded


@pytest.mark.parametrize('room', ['models', 'datasets', 'evaluation', 'engine', 'checkpoints'])
def test_no_room_pays_for_what_it_does_not_use(room):
    loaded = modules_after(f'import msvitreid.{room}')
    assert not {'torchvision', 'mmpretrain', 'scipy', 'faiss'} & loaded
