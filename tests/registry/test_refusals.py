"""Constructors of other packages that refuse a value, or lack a package, end in a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.registry import MODELS
from msvitreid.registry.refusals import EXTRAS, refusals

ROOT = Path(__file__).parents[2]


class Importing:
    """Fails to import what it is given."""

    def __init__(self, error):
        raise error


@pytest.mark.parametrize(
    ('error', 'package', 'remedy'),
    [
        (ModuleNotFoundError("No module named 'timm'", name='timm'), 'timm', '[timm]'),
        (ImportError('Net requires timm, please install it.'), 'timm', '[timm]'),
        (ModuleNotFoundError('No module', name='einops.layers'), 'einops', 'install it'),
    ],
    ids=['by name', 'by text', 'another'],
)
def test_a_missing_package_is_named_with_its_component(error, package, remedy):
    with pytest.raises(ConfigError, match=f"model 'Importing' needs {package},") as caught:
        MODELS.build(dict(type=Importing, error=error))
    assert remedy in str(caught.value)


def test_the_extras_are_those_of_the_package():
    extras = re.findall(r"^ {8}'([\w-]+)': \[", (ROOT / 'setup.py').read_text(), re.MULTILINE)
    assert set(EXTRAS.values()) <= set(extras)


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (ValueError('no\n such rate'), (ConfigError, 'lr cannot be built: no such rate')),
        (AssertionError(), (ConfigError, 'lr cannot be built: AssertionError')),
        (CheckpointError('a.pth is gone'), (CheckpointError, '^a.pth is gone')),
        (TypeError('a bug'), (TypeError, '^a bug')),
    ],
)
def test_errors_of_a_constructor(error, expected):
    kind, text = expected
    with pytest.raises(kind, match=text), refusals('lr'):
        raise error


def test_chosen_kinds_of_errors():
    with pytest.raises(ConfigError, match='a text'), refusals('lr', TypeError):
        raise TypeError('a text')
    with pytest.raises(KeyError), refusals('lr', TypeError):
        raise KeyError('x')
