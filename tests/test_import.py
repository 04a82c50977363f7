import json
import re
import subprocess
import sys

#: Of torch 2.4, where mmengine is imported.
OF_TORCH = re.compile(r'.*DeprecationWarning: `TorchScript` support for functional.*\n.*\n')


#: Does what all have in common once, and each statement in a copy of the process.
PROGRAM = """
import json, os, sys
common, *statements = sys.argv[1:]
exec(common)
for statement in statements:
    if not os.fork():
        exec(statement)
        print(json.dumps(list(sys.modules)), flush=True)
        os._exit(0)
    os.wait()
"""


def modules_after(*statements: str, common: str = '') -> list[set[str]]:
    """Names of the modules that each statement leaves, without what the others import."""
    run = subprocess.run(
        [sys.executable, '-c', PROGRAM, common, *statements], capture_output=True, text=True
    )
    assert OF_TORCH.sub('', run.stderr) == ''
    loaded = [set(json.loads(line)) for line in run.stdout.splitlines()]
    assert len(loaded) == len(statements)
    return loaded


def test_importing_the_package_is_light():
    (loaded,) = modules_after('import msvitreid')
    assert not {'torch', 'mmengine', 'mmcv', 'cv2', 'numpy'} & loaded


def test_no_room_pays_for_what_it_does_not_use():
    rooms = ('models', 'datasets', 'evaluation', 'engine', 'checkpoints')
    statements = [f'import msvitreid.{room}' for room in rooms]
    for loaded in modules_after(*statements, common='import torch, mmengine'):
        assert not {'torchvision', 'mmpretrain', 'scipy', 'faiss'} & loaded
