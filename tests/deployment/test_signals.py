import subprocess
import sys

import pytest

from tests.tools.user import REPOSITORY

SCRIPT = """
import os
import signal

import torch

from msvitreid.deployment import use_openvino
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model

model = MODELS.build(tiny_reid_model()).eval()
net = use_openvino(model)
# Two graphs, one for pieces and one for the image that remains.
net.embed(torch.rand(5, 3, 64, 32))
del net
signal.signal(signal.SIGTERM, lambda *_: print('told'))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_still_reaches_its_handler():
    pytest.importorskip('openvino')
    # In a process of its own, which a lost stack would end.
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stdout) == (0, 'told\n'), done.stderr
