"""What docs/security.md says of configs: they are code, in whatever form; options are not."""

from __future__ import annotations

import argparse

import pytest

from msvitreid.cli.running import add_config_options
from msvitreid.engine.config.reading import load_config
from msvitreid.errors import ConfigError
from msvitreid.registry import TRANSFORMS

CALL = "__import__('os').mkdir('snapped')"


@pytest.fixture
def snapped(tmp_path, monkeypatch):
    """Whether the code in a config ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return (tmp_path / 'snapped').exists


def parse_options(*pairs: str) -> dict:
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    return parser.parse_args(['--cfg-options', *pairs]).cfg_options


def test_a_python_config_runs_when_it_is_read(snapped, tmp_path):
    (tmp_path / 'config.py').write_text(f'x = {CALL}\n')
    load_config('config.py')
    assert snapped()


def test_a_yaml_config_may_run_code(snapped, tmp_path):
    (tmp_path / 'config.yaml').write_text('x: !!python/object/apply:os.mkdir [snapped]\n')
    # It is parsed twice, and there the folder is.
    with pytest.raises(ConfigError, match='cannot be read'):
        load_config('config.yaml')
    assert snapped()


def test_a_json_config_may_import_modules(snapped, tmp_path):
    (tmp_path / 'a_module_beside_it.py').write_text(f'{CALL}\n')
    (tmp_path / 'config.json').write_text(
        '{"custom_imports": {"imports": ["a_module_beside_it"]}}'
    )
    load_config('config.json')
    assert snapped()


def test_a_type_may_be_anything_that_can_be_called(snapped):
    TRANSFORMS.build({'type': 'os.mkdir', 'path': 'snapped'})
    assert snapped()


def test_options_are_literals(snapped, tmp_path):
    (tmp_path / 'config.py').write_text('model = dict(x=1)\n')
    options = parse_options(f'model.x={CALL}', 'model.y=[1, "a", None]', 'model.z=(1, 2)')
    cfg = load_config('config.py', options)
    assert cfg.model == {'x': CALL, 'y': [1, 'a', None], 'z': (1, 2)}
    assert not snapped()


def test_options_import_nothing(snapped, tmp_path):
    (tmp_path / 'config.py').write_text('model = dict(x=1)\n')
    (tmp_path / 'a_module_beside_it.py').write_text(f'{CALL}\n')
    load_config('config.py', parse_options('custom_imports.imports=["a_module_beside_it"]'))
    assert not snapped()
