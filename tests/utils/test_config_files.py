import pytest

from msvitreid.errors import ConfigError
from msvitreid.utils.config_files import config_names, configs_folder, find_base, find_config

MARKET = 'msvit-s_market1501'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize('folder', ['', 'msvit/', 'configs/msvit/'])
@pytest.mark.parametrize('suffix', ['', '.py'])
def test_a_config_by_name(folder, suffix):
    """Class of faults: a command works in a checkout only, where the configs' paths are."""
    found = find_config(f'{folder}{MARKET}{suffix}')
    assert found == str(configs_folder() / 'msvit' / f'{MARKET}.py')


def test_a_file_that_exists_wins(tmp_path):
    (tmp_path / f'{MARKET}.py').touch()
    assert find_config(f'{MARKET}.py') == f'{MARKET}.py'
    (tmp_path / MARKET).mkdir()  # no file
    assert find_config(MARKET) == str(configs_folder() / 'msvit' / f'{MARKET}.py')


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('msvit-s_market', f"'msvit-s_market' does not exist; did you mean .*'{MARKET}'"),
        ('swap/msvit-s_market1501', "'swap/msvit-s_market1501' does not exist"),
        ('default_runtime', 'list_configs'),
        ('', 'does not exist'),
    ],
)
def test_no_such_config(name, message):
    with pytest.raises(ConfigError, match=message):
        find_config(name)


def test_names_are_unique():
    files = [f for f in configs_folder().glob('*/*.py') if f.parent.name != '_base_']
    assert len(files) == len(config_names()) >= 57


@pytest.mark.parametrize('name', ['msvit/nope.py', '../setup.py', 'msvit', ''])
def test_no_such_base(name):
    with pytest.raises(ConfigError, match='msvitreid::'):
        find_base(name)
