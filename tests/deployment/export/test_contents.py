"""What a file says of itself; class of faults: an embedding prepared in another way."""

import json

import pytest

from msvitreid.deployment.export import check_include, contents_of
from msvitreid.deployment.export.contents import read_contents
from msvitreid.errors import CheckpointError, ConfigError


@pytest.fixture
def texts(tiny):
    return contents_of(
        tiny[1], 'onnx', ('normalize', 'preprocess', 'flip'), 'float32'
    ).as_texts()


def test_texts_come_back(tiny, texts):
    found = read_contents(texts, 'onnx', 'net.onnx')
    assert found.include == ('preprocess', 'flip', 'normalize')
    assert found.description['fingerprint'] == found.model == tiny[1]['fingerprint']


def test_an_inexact_file_has_a_fingerprint_of_its_own(tiny):
    found = {
        contents_of(tiny[1], 'openvino', (), precision, images).description['fingerprint']
        for precision, images in (
            *(('float32', b''), ('half', b'')),
            *(('int8', b'some images'), ('int8', b'others')),
        )
    }
    assert len(found) == 4


def test_all_is_included_that_an_embedding_has():
    assert check_include(None, flip=True) == ('preprocess', 'flip', 'normalize')
    assert check_include(None, flip=False) == ('preprocess', 'normalize')
    assert check_include(['flip', 'preprocess'], flip=True) == ('preprocess', 'flip')
    assert check_include([], flip=True) == ()


@pytest.mark.parametrize(
    ('include', 'flip', 'name'),
    [
        (['normalise'], True, 'normalize'),
        (['flip'], False, 'flip'),
        (['normalize'], True, 'flip'),
    ],
)
def test_what_cannot_be_inside(include, flip, name):
    with pytest.raises(ConfigError, match=name):
        check_include(include, flip)


@pytest.mark.parametrize(
    ('name', 'change', 'match'),
    [
        ('msvitreid', None, 'msvitreid export'),
        ('msvitreid_export', None, 'msvitreid export'),
        ('msvitreid', '{', 'JSON'),
        ('msvitreid', '[' * 100_000, 'nested'),
        ('msvitreid', '"' + 'a' * 2**21, 'characters'),
        ('msvitreid', {'dimension': 0}, 'dimension'),
        ('msvitreid', {'pipeline': [{'type': 'os.system'}]}, 'type'),
        ('msvitreid', {'pipeline': [{'type': 'Resize', 'path': '/etc/passwd'}]}, 'path'),
        ('msvitreid_export', {'format': 2}, 'format'),
        ('msvitreid_export', {'kind': 'openvino'}, 'kind'),
        ('msvitreid_export', {'include': ['normalize']}, 'flip'),
        ('msvitreid_export', {'include': 'preprocess'}, 'include'),
        ('msvitreid_export', {'precision': 'int4'}, 'precision'),
    ],
)
def test_wrong_texts_are_refused(texts, name, change, match):
    if change is None:
        del texts[name]
    elif isinstance(change, str):
        texts[name] = change
    else:
        texts[name] = json.dumps({**json.loads(texts[name]), **change})
    with pytest.raises(CheckpointError, match=match):
        read_contents(texts, 'onnx', 'net.onnx')
