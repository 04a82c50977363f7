"""Class of faults: a model file whose weights or description are not those it was made of."""

import copy
import json
import os

import pytest
import torch
from torch import nn

from msvitreid.checkpoints.model_file import (
    KEY,
    fingerprint,
    read_model_file,
    write_model_file,
)
from msvitreid.checkpoints.safetensors_file import read_safetensors, write_safetensors
from msvitreid.errors import CheckpointError, OutputError

DESCRIPTION = {
    'architecture': {'type': 'ReIDModel', 'backbone': {'type': 'MSViT', 'arch': 's'}},
    'pipeline': [{'type': 'Resize', 'scale': [32, 64]}],
    'preprocessing': {
        'image_size': [64, 32],
        'color': 'rgb',
        'value_range': None,
        'mean': [0, 0, 0],
        'std': [1, 1, 1],
        'range': [0, 1],
    },
    'flip': True,
    'dimension': 80,
    'training_data': [{'name': 'Market1501', 'images': 12936, 'identities': 751}],
    'license': '',
}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def written(path, description=DESCRIPTION):
    return write_model_file(path, net(), description)


def rewritten(path, change):
    """The file with its description changed, and the old fingerprint."""
    written(path)
    tensors, metadata = read_safetensors(path)
    description = json.loads(metadata[KEY])
    change(description)
    write_safetensors(path, tensors, {KEY: json.dumps(description)})


def changed(keys, value):
    """The description with another value at a path of keys."""
    description = copy.deepcopy(DESCRIPTION)
    *parents, last = keys
    node = description
    for key in parents:
        node = node[key]
    node[last] = value
    return description


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / 'model.safetensors'
    found = written(path)
    file = read_model_file(path)
    assert file.fingerprint == found
    assert len(found) == 64
    assert {key: file.description[key] for key in DESCRIPTION} == DESCRIPTION
    assert file.description['format'] == 1
    assert 'torch' in file.description['versions']
    assert all(torch.equal(file.tensors[n], w) for n, w in net().state_dict().items())


@pytest.mark.parametrize(
    ('keys', 'value', 'same'),
    [
        (('license',), 'research only', True),
        (('training_data',), [], True),
        (('flip',), False, False),
        (('dimension',), 81, False),
        (('architecture', 'backbone', 'arch'), 'l', False),
        (('pipeline', 0, 'scale'), [32, 65], False),
        (('preprocessing', 'mean'), [0.5, 0, 0], False),
    ],
)
def test_the_fingerprint_is_of_what_changes_an_embedding(keys, value, same):
    weights = net().state_dict()
    other = fingerprint(weights, changed(keys, value))
    assert (other == fingerprint(weights, DESCRIPTION)) is same


def test_the_fingerprint_is_of_the_weights_in_any_order():
    weights = net().state_dict()
    expected = fingerprint(weights, DESCRIPTION)
    assert fingerprint(dict(reversed(weights.items())), DESCRIPTION) == expected
    for name in weights:
        other = {**weights, name: weights[name] + 1}
        assert fingerprint(other, DESCRIPTION) != expected
    assert fingerprint({n: w.double() for n, w in weights.items()}, DESCRIPTION) != expected
    renamed = {f'x{n}': w for n, w in weights.items()}
    assert fingerprint(renamed, DESCRIPTION) != expected


def test_a_changed_byte_of_the_weights_is_noticed(tmp_path):
    path = tmp_path / 'model.safetensors'
    written(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='changed'):
        read_model_file(path)


@pytest.mark.parametrize(
    'key', ['architecture', 'pipeline', 'preprocessing', 'flip', 'dimension']
)
def test_a_changed_description_is_noticed(key, tmp_path):
    other = {
        'architecture': {'type': 'ReIDModel'},
        'pipeline': [],
        'preprocessing': {**DESCRIPTION['preprocessing'], 'image_size': [64, 64]},
        'flip': False,
        'dimension': 8,
    }
    path = tmp_path / 'model.safetensors'
    rewritten(path, lambda description: description.update({key: other[key]}))
    with pytest.raises(CheckpointError, match='changed'):
        read_model_file(path)
    rewritten(path, lambda description: description.update(license='other'))
    read_model_file(path)


BACKBONE = ('architecture', 'backbone')


@pytest.mark.parametrize(
    ('keys', 'value', 'match'),
    [
        ((*BACKBONE, 'type'), 'os.system', r'backbone\.type'),
        ((*BACKBONE, 'type'), 'mmengine.config.Config', r'backbone\.type'),
        ((*BACKBONE, 'type'), ['MSViT'], r'backbone\.type'),
        ((*BACKBONE, 'act_cfg'), {'type': 'torch.nn.ReLU'}, r'act_cfg\.type'),
        ((*BACKBONE, 'init_cfg'), {'type': 'Pretrained'}, 'init_cfg'),
        ((*BACKBONE, 'checkpoint_path'), 'a', 'checkpoint_path'),
        ((*BACKBONE, 'pretrained'), True, 'pretrained'),
        ((*BACKBONE, 'trust_remote_code'), True, 'trust_remote_code'),
        ((*BACKBONE, 'arch'), '../secret', r'backbone\.arch'),
        ((*BACKBONE, 'arch'), 'hf-hub:a', r'backbone\.arch'),
        ((*BACKBONE, 'arch'), 2**40, r'backbone\.arch'),
        ((*BACKBONE, 'arch'), 10**400, r'backbone\.arch'),
        ((*BACKBONE, 'a b'), 1, 'a key'),
        ((*BACKBONE, '_scope_'), 'os', '_scope_'),
        (('pipeline', 0, 'type'), 'subprocess.run', r'pipeline\.0\.type'),
        (('pipeline', 0, 'scale'), [32, 10_000], r'pipeline\.0\.scale\.1'),
        (('pipeline',), {}, 'pipeline'),
        (('preprocessing', 'image_size'), [64, 10**9], 'image_size'),
        (('preprocessing', 'image_size'), [64], 'image_size'),
        (('preprocessing', 'color'), 'bgr', 'color'),
        (('preprocessing', 'std'), [1, 1], 'std'),
        # Pixels are divided by these.
        (('preprocessing', 'std'), [1, 0, 1], r'preprocessing\.std\.1'),
        (('preprocessing', 'value_range'), [5, 5], 'value_range'),
        (('preprocessing', 'value_range'), [1023, 0], 'value_range'),
        ((*BACKBONE, ''), 1, r'a key of architecture\.backbone is'),
        ((*BACKBONE, 7), 1, r'a key of architecture\.backbone is'),
        (('license',), 'x' * 2**20, '1,048,576'),
        (('flip',), 1, 'flip'),
        (('dimension',), 0, 'dimension'),
        (('training_data',), [{'images': 3}], 'training_data'),
        (('license',), None, 'license'),
    ],
)
def test_descriptions_that_are_refused(keys, value, match, tmp_path):
    path = tmp_path / 'model.safetensors'
    description = changed(keys, value)
    with pytest.raises(CheckpointError, match=match):
        written(path, description)
    assert os.listdir(tmp_path) == []
    rewritten(path, lambda old: old.update(description))
    with pytest.raises(CheckpointError, match=match):
        read_model_file(path)


@pytest.mark.parametrize(
    ('text', 'match'),
    [
        ('[]', 'a dict'),
        ('{', 'JSON'),
        ('{"format": 2}', 'format'),
        ('{"format": 1, "format": 1}', 'twice'),
        ('{"format": 1}', 'architecture'),
        ('[' * 100_000, 'nested'),
        (' ' * (2**20 + 1), '1,048,576'),
    ],
)
def test_texts_that_are_no_description(text, match, tmp_path):
    path = tmp_path / 'model.safetensors'
    write_safetensors(path, net().state_dict(), {KEY: text})
    with pytest.raises(CheckpointError, match=match):
        read_model_file(path)


def test_deep_and_long_options_are_refused(tmp_path):
    deep = {'type': 'ReIDModel'}
    for _ in range(20):
        deep = {'type': 'ReIDModel', 'backbone': deep}
    for architecture in (deep, {'type': 'ReIDModel', 'dims': [1] * 10_001}):
        with pytest.raises(CheckpointError, match='architecture'):
            written(tmp_path / 'a.safetensors', changed(('architecture',), architecture))


def test_weights_without_a_description(tmp_path):
    path = tmp_path / 'model.safetensors'
    write_safetensors(path, net().state_dict(), {'format': 'pt'})
    with pytest.raises(CheckpointError, match='without a description'):
        read_model_file(path)


def test_weights_that_are_nan(tmp_path):
    path = tmp_path / 'model.safetensors'
    broken = net()
    with torch.no_grad():
        broken[0].weight[0, 0] = torch.nan
    with pytest.raises(CheckpointError, match=r"'0\.weight'.*NaN"):
        write_model_file(path, broken, DESCRIPTION)
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match='gone'):
        written(tmp_path / 'gone' / 'model.safetensors')
