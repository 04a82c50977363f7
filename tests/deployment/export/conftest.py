from __future__ import annotations

import pytest

from msvitreid.deployment.export import WholeNet, check_include, contents_of, find_format
from msvitreid.models.model_description import load_model
from tests.apis.tiny_model import write_tiny_model


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """A net for 64x32 images, and its description."""
    return load_model(write_tiny_model(tmp_path_factory.mktemp('model')))


@pytest.fixture(scope='session')
def export(tiny, tmp_path_factory):
    """Writes that net once in each format, and gives the path."""
    written = {}

    def write(name, include=None, precision='float32', calibration=None):
        chosen = find_format(name)
        if not chosen.missing(precision):
            key = (name, include, precision)
            if key not in written:
                written[key] = _written(tiny, chosen, *key[1:], calibration, tmp_path_factory)
            return written[key]
        return pytest.skip(f'{name} is not installed')

    return write


def _written(tiny, chosen, include, precision, calibration, factory):
    model, description = tiny
    parts = check_include(include, description['flip'])
    path = factory.mktemp('exported') / f'net{chosen.suffix}'
    texts = contents_of(description, chosen.name, parts, precision).as_texts()
    net = WholeNet(model, parts, chosen.select)
    chosen.write(net, (64, 32), path, texts, precision, calibration)
    return path
