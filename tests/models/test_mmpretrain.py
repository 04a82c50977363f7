"""The single-branch net inside mmpretrain's own classifier.

In a process of its own: mmpretrain's import is slow and registers hundreds of components.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import warnings

warnings.filterwarnings('ignore')
import torch
from mmpretrain.structures import DataSample

from msvitreid.registry import MODELS

arch = dict(dims=(8, 16, 16, 24), blocks=(1, 2, 2, 1), heads=(1, 2, 2))
net = MODELS.build(
    dict(
        type='mmpretrain.ImageClassifier',
        backbone=dict(
            type='msvitreid.MSViT',
            arch=arch,
            split_size=(2, 2),
            sparse_ratio=1.0,
            num_branches=1,
            last_stride=2,
            out_channels=16,
            act_cfg=dict(type='GELU'),
        ),
        head=dict(type='msvitreid.ImageNetHead', num_classes=5, in_channels=16),
    )
)
images = torch.rand(4, 3, 64, 64)
samples = [DataSample().set_gt_label(label) for label in (0, 1, 2, 3)]
loss = net(images, samples, mode='loss')['loss']
loss.backward()
print('loss', loss.item() > 0)
with torch.no_grad():
    predicted = net.eval()(images, samples, mode='predict')
print('scores', [round(sample.pred_score.sum().item(), 4) for sample in predicted])
"""


@pytest.mark.slow
def test_trains_and_predicts_inside_an_image_classifier(tmp_path):
    pytest.importorskip('mmpretrain')
    run = subprocess.run(
        [sys.executable, '-c', PROGRAM],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    assert 'loss True' in run.stdout
    assert 'scores [1.0, 1.0, 1.0, 1.0]' in run.stdout
