"""Class of faults: a model file that builds another net, or more than its weights need."""

import logging
import threading

import pytest
import torch
from mmengine.logging import MMLogger

from msvitreid.checkpoints import ModelFile, read_model_file, write_model_file
from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.models.model_description import (
    _without_info_log,
    architecture_of,
    build_described,
    load_model,
)
from msvitreid.registry import MODELS
from tests.models.tiny import tiny_reid_model, tiny_tested_net

PREPROCESSING = {
    'image_size': [64, 32],
    'color': 'rgb',
    'value_range': None,
    'mean': [0, 0, 0],
    'std': [1, 1, 1],
    'range': [0, 1],
}


def description(**architecture):
    return {
        'architecture': {**architecture_of(tiny_reid_model()), **architecture},
        'pipeline': [],
        'preprocessing': PREPROCESSING,
        'flip': True,
        'dimension': 80,
        'training_data': [],
        'license': '',
    }


def test_what_matters_to_training_only_is_left_out():
    model = tiny_reid_model(num_classes=7, triplet_weight=2.0)
    model['backbone'].update(drop_path_rate=0.1, frozen_stages=0, init_cfg=None)
    model['data_preprocessor'] = dict(batch_augments=[dict(type='BatchRandomErasing')])
    assert architecture_of(model) == architecture_of(tiny_reid_model())
    assert architecture_of(model)['head'] == {'type': 'BNNeckHead', 'in_channels': 16}
    assert architecture_of(model)['data_preprocessor'] == {'type': 'ReIDDataPreprocessor'}


def test_the_net_of_a_file_is_the_one_that_was_written(tmp_path):
    net = tiny_tested_net()
    path = tmp_path / 'model.safetensors'
    write_model_file(path, net, description())
    model, found = load_model(path)
    assert not model.training
    assert model.flip_test
    assert found['dimension'] == 80
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.embed(images), net.embed(images))


@pytest.mark.parametrize(
    ('architecture', 'match'),
    [
        ({'type': 'MSViT'}, 'no ReIDModel'),
        ({'type': 'Unknown'}, 'Unknown'),
        ({'neck': {'type': 'this'}}, r'neck\.type.*this'),
        ({'neck': {'type': 'PartPoolingNeck', 'part': 3}}, 'part'),
        ({'neck': {'type': 'PartPoolingNeck', 'num_parts': 3}}, 'does not fit'),
        ({'neck': 3}, 'neck'),
        ({'neck': {}}, 'neck'),
        ({'backbone': {'type': 'MSViT', 'arch': 'xl'}}, 'arch'),
        ({'head': {'type': 'BNNeckHead', 'in_channels': 65536}}, 'larger than its weights'),
        ({'neck': {'type': 'PartPoolingNeck', 'num_parts': 65536}}, 'larger than its weights'),
    ],
)
def test_architectures_that_are_refused(architecture, match, tmp_path):
    path = tmp_path / 'model.safetensors'
    write_model_file(path, tiny_tested_net(), description(**architecture))
    with pytest.raises(CheckpointError, match=match) as error:
        load_model(path)
    assert '\n' not in str(error.value)


def test_weights_of_other_shapes_and_values(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_model_file(path, tiny_tested_net(), description())
    file = read_model_file(path)
    name = 'backbone.stem.conv.weight'
    for weight, match in (
        (torch.zeros(1), 'stem'),
        (torch.full_like(file.tensors[name], torch.inf), 'infinite'),
    ):
        spoiled = ModelFile(file.description, {**file.tensors, name: weight})
        with pytest.raises(CheckpointError, match=match):
            build_described(spoiled, path)
    missing = {n: w for n, w in file.tensors.items() if n != name}
    with pytest.raises(CheckpointError, match='missing'):
        build_described(ModelFile(file.description, missing), path)


def test_models_that_cannot_be_described():
    with pytest.raises(ConfigError, match='no ReIDModel'):
        architecture_of({'type': 'MSViT'})
    net = MODELS.build(tiny_reid_model())
    with pytest.raises(ConfigError, match=r'model\.neck'):
        architecture_of({**tiny_reid_model(), 'neck': net.neck})


def test_only_remarks_of_the_thread_that_builds_are_dropped():
    """Two nets are built at once: each ends as the logger was, whichever ends first."""
    logger, seen = MMLogger.get_current_instance(), []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: seen.append(record.getMessage())
    logger.addHandler(handler)
    try:
        with _without_info_log():
            logger.info('a remark')
            logger.warning('a warning')
            other = threading.Thread(target=logger.info, args=('of another thread',))
            other.start()
            other.join()
        logger.info('afterwards')
    finally:
        logger.removeHandler(handler)
    assert seen == ['a warning', 'of another thread', 'afterwards']
