"""Configs for a user's own data: what they promise about small sets, and by name in Python."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from msvitreid.apis import ReIDInferencer, get_model, model_file_from_run
from msvitreid.checkpoints import write_checkpoint
from msvitreid.engine import complete_config, load_config
from msvitreid.utils import pretrained_files

from .leaves import CONFIGS

OWN = sorted((CONFIGS / 'own').glob('*.py'))
every_one = pytest.mark.parametrize('path', OWN, ids=lambda path: path.stem)


def test_sizes_and_kinds():
    sizes = ('person-128x64', 'person-256x128', 'square-128', 'square-224')
    wanted = {f'own-{size}{kind}' for size in sizes for kind in ('', '_mobilenetv2')}
    wanted |= {'own-person-256x128_gpu', 'own-square-224_gpu'}
    wanted.add('own-person-128x64_mobilenetv2-parts')
    assert {path.stem for path in OWN} == wanted


@every_one
def test_the_name_says_the_size(path):
    sides = path.stem.split('-')[2].split('_')[0].split('x')
    height, width = int(sides[0]), int(sides[-1])
    assert load_config(path).image_size == (height, width)


@every_one
def test_what_the_evidence_says_for_few_images(path):
    """Erasing cost 7.7 points of mAP, attention to all keys 3.0; a frozen stem brought nothing."""
    cfg = load_config(path)
    assert not cfg.model.data_preprocessor.batch_augments
    assert cfg.model.pretrained is None
    if cfg.model.backbone.type == 'MSViT':
        assert cfg.model.backbone.sparse_ratio == 0.3
        assert cfg.model.backbone.frozen_stages == -1


@every_one
def test_the_list_is_stated_once_and_reaches_every_dataset(path):
    cfg = complete_config(load_config(path, {'csv': 'other.csv', 'data_root': 'crops'}))
    for name in ('train', 'val', 'test'):
        dataset = cfg[f'{name}_dataloader'].dataset
        assert (dataset.type, dataset.csv, dataset.data_root) == (
            'ReIDDataset',
            'other.csv',
            'crops',
        )


@every_one
def test_the_schedule_is_one_of_steps(path):
    cfg = load_config(path)
    steps = cfg.train_cfg.max_epochs * cfg.train_dataloader.sampler.min_batches
    assert steps == (600 if '_mobilenetv2' in path.stem else 1200)
    assert cfg.train_dataloader.sampler.adapt is True


def test_weights_for_timm_are_a_file_at_hand_or_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = pretrained_files.timm_weights('mobilenetv2_100')
    assert found == {'model_name': 'mobilenetv2_100', 'pretrained': True}
    file = tmp_path / 'pretrain' / 'mobilenetv2_100.safetensors'
    file.parent.mkdir()
    file.touch()
    found = pretrained_files.timm_weights('mobilenetv2_100')
    assert found['checkpoint_path'] == 'pretrain/mobilenetv2_100.safetensors'
    assert 'pretrained' not in found


@pytest.mark.parametrize('name', ['own-person-128x64', 'own-person-128x64_mobilenetv2'])
def test_a_net_loads_by_name_or_by_its_file_and_gives_the_same(name, tmp_path):
    """In three lines of Python, with the preprocessing of its training."""
    torch.manual_seed(0)
    checkpoint, file = str(tmp_path / 'averaged.pth'), str(tmp_path / 'model.safetensors')
    write_checkpoint({'state_dict': get_model(name).state_dict()}, checkpoint)
    model_file_from_run(name, checkpoint, file)
    image = str(tmp_path / 'x.png')
    pixels = np.random.default_rng(0).integers(0, 256, (128, 48, 3), np.uint8)
    cv2.imwrite(image, pixels)

    by_name = ReIDInferencer(name, weights=checkpoint)([image])
    by_file = ReIDInferencer(file)([image])
    torch.testing.assert_close(torch.as_tensor(by_name), torch.as_tensor(by_file))
    assert len(by_file) == 1
