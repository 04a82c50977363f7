"""A small net with its preprocessing: as a config with weights, and as a model file."""

from pathlib import Path

import torch
from mmengine.config import Config

from msvitreid.engine import model_file_from_run
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model

PIPELINE = [
    dict(type='LoadImage'),
    dict(type='Resize', scale=(32, 64)),
    dict(type='PackReIDInputs'),
]


def tiny_cfg(**changes) -> Config:
    return Config(dict(model=tiny_reid_model(), test_pipeline=PIPELINE, **changes))


def discerning_net() -> torch.nn.Module:
    """Whose BatchNorms have seen images, so that images differ in its embeddings."""
    torch.manual_seed(0)
    net = MODELS.build(tiny_reid_model())
    net.init_weights()
    with torch.no_grad():
        for _ in range(30):
            patches = torch.rand(8, 3, 8, 4)
            net.train()(torch.nn.functional.interpolate(patches, size=(64, 32)))
    return net.eval()


def write_weights(folder: Path) -> Path:
    path = folder / 'averaged.pth'
    torch.save({'state_dict': discerning_net().state_dict()}, path)
    return path


def write_tiny_model(folder: Path, **changes) -> Path:
    """``model.safetensors`` of a net of 80 numbers for 64x32 images."""
    path = folder / 'model.safetensors'
    model_file_from_run(tiny_cfg(**changes), write_weights(folder), path)
    return path
