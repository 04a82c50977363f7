"""Other libraries are the same after our imports and runs: a patch concerns a whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import importlib, pkgutil, sys, warnings
import cv2, importlib_metadata, numpy, torch, torch._dynamo
import mmcv.cnn.bricks.transformer, mmcv.transforms
import mmengine.config.config, mmengine.runner.checkpoint, mmengine.model.weight_init
import mmengine.dataset, mmengine.hooks, mmengine.optim, mmengine.visualization
from mmengine import registry
from mmengine.registry import Registry

def contents():
    found = {}
    for module in [m for m in map(sys.modules.get, WATCHED) if m is not None]:
        for name, value in vars(module).items():
            if callable(value):
                found[module.__name__, name] = id(value)
            if isinstance(value, type) and value.__module__.startswith(('mmengine', 'torch')):
                for key, item in vars(value).items():
                    if callable(item):
                        found[module.__name__, name, key] = id(item)
    for name, value in vars(registry).items():
        if isinstance(value, Registry):
            found.update({(name, key): id(item) for key, item in value.module_dict.items()})
    schemes = mmengine.runner.checkpoint.CheckpointLoader._schemes
    found.update({('scheme', key): id(item) for key, item in schemes.items()})
    found['importlib_metadata', 'distribution'] = id(importlib_metadata.distribution)
    states = (torch.get_num_threads(), torch.get_default_dtype(), list(warnings.filters))
    return found, states

for name in ('mmengine', 'torch', 'torch.utils.data', 'torch.serialization'):
    importlib.import_module(name)
PACKAGES = ('mmengine', 'mmcv', 'cv2', 'numpy')
OTHERS = ['torch', 'torch.serialization', 'torch.utils.data', 'torch.nn']
WATCHED = OTHERS + [name for name in sys.modules if name.split('.')[0] in PACKAGES]
for value in list(vars(registry).values()):
    if isinstance(value, Registry):
        value.import_from_location()
before, states = contents()

import msvitreid
for info in pkgutil.walk_packages(msvitreid.__path__, 'msvitreid.'):
    try:
        importlib.import_module(info.name)
    except ModuleNotFoundError as error:
        # An extra, which may be left out.
        if error.name != 'openvino':
            raise
from msvitreid.engine import ReIDRunner
from tests.models.tiny import tiny_reid_model
from tests.engine.tiny_run import tiny_config
from pathlib import Path
cfg = tiny_config(Path(sys.argv[1]), Path(sys.argv[1]))
for key in cfg:
    if key.startswith(('train', 'val', 'test', 'optim', 'param')):
        cfg[key] = None
cfg.model.head.num_classes = 3
ReIDRunner.from_cfg(cfg)
if '--mmpretrain' in sys.argv:
    from msvitreid.registry import MODELS
    MODELS.get('mmpretrain.ResNet')

after, later = contents()
changed = [key for key in before if after.get(key) != before[key]]
added = [key for key in after if key not in before and key[0].isupper()]
print('changed', changed, 'added', [key for key in added if 'mmpretrain' not in str(key)])
print('states', states == later, [f for f in later[2] if f not in states[2]])
"""


def test_imports_and_a_runner_change_no_other_library(tmp_path):
    """A loader, a formatter, a registry or a filter of warnings exchanged for everybody."""
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, str(tmp_path), '--mmpretrain'],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ['changed [] added []', 'states True []']
