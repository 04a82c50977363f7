import pytest

from msvitreid.cli import list_configs
from msvitreid.errors import ConfigError
from tests.configs.leaves import CONFIGS


def test_names_that_match(capsys):
    list_configs.main(['msvit-?_veri'])
    assert capsys.readouterr().out == 'msvit-l_veri\nmsvit-s_veri\n'


def test_all_names(capsys):
    list_configs.main([])
    assert set(capsys.readouterr().out.split()) >= {
        path.stem for path in (CONFIGS / 'msvit').glob('*.py')
    }


def test_no_such_name():
    with pytest.raises(ConfigError, match="'nothing'"):
        list_configs.main(['nothing'])
