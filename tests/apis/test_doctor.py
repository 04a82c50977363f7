# ruff: noqa: F401, F811
"""Class of faults: a door, a backend or a format of other embeddings."""

import json

import pytest

from msvitreid.apis.doctor import examine
from msvitreid.deployment import Backend
from msvitreid.registry import BACKENDS

from .test_exporting import OneKeyLess, checked, images, model_file

DOORS = ['array RGB', 'array BGR', 'PIL image', 'tensor', 'box of a frame']


def named(diagnosis):
    return {finding.name: finding for finding in diagnosis.findings}


def test_every_way_gives_one_ranking(model_file, checked):
    diagnosis = examine(model_file, checked, formats=['openvino', 'torchscript'])
    assert diagnosis.is_healthy
    found = named(diagnosis)
    tried = [*DOORS, 'backend torch, batch 1', 'format torchscript, batch 32']
    for name in tried:
        assert found[name].measured.agrees
        assert found[name].measured.images_per_second > 0
    assert found['backend openvino-int8'].measured is None
    assert diagnosis.images == 16
    assert json.loads(json.dumps(diagnosis.as_dict()))['healthy'] is True


def test_what_is_not_installed_is_listed(model_file, checked, monkeypatch):
    monkeypatch.setattr('msvitreid.apis.doctor.not_installed', lambda *packages: [*packages])
    monkeypatch.setattr('msvitreid.deployment.export.formats.find_spec', lambda name: None)
    diagnosis = examine(model_file, checked)
    found = named(diagnosis)
    assert "pip install 'msvitreid[openvino]'" in found['backend openvino'].note
    assert "pip install 'msvitreid[export]'" in found['format onnx'].note
    assert diagnosis.is_healthy


@pytest.fixture
def another_net():
    """A backend whose attention keeps a key less."""

    @BACKENDS.register_module(name='another')
    class Another(Backend):
        def convert(self, model, images=None):
            for module in model.modules():
                if hasattr(module, 'num_kept'):
                    module.num_kept -= 1
            return model

    yield 'another'
    del BACKENDS.module_dict['another']


def test_another_net_is_a_fault(another_net, model_file, checked, monkeypatch):
    monkeypatch.setattr(
        'msvitreid.apis.doctor.export_formats', lambda: {'torchscript': OneKeyLess()}
    )
    diagnosis = examine(model_file, checked)
    wrong = {finding.name for finding in diagnosis.findings if finding.is_fault}
    ways = ('backend another', 'format torchscript')
    assert wrong == {f'{way}, batch {size}' for way in ways for size in (1, 32)}
    assert not diagnosis.is_healthy
