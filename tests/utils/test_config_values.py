import argparse
import sys

import pytest
from mmengine.config import DictAction

from msvitreid.cli.running import add_config_options
from msvitreid.utils.config_values import parse_value
from tests.tools.user import REPOSITORY

FORMS = {
    '1': 1,
    '-3': -3,
    '1_000': 1000,
    '1.5': 1.5,
    '1e-3': 0.001,
    'inf': float('inf'),
    'true': True,
    'True': True,
    'FALSE': False,
    'None': None,
    'none': 'none',
    '': '',
    'abc': 'abc',
    '/data/x': '/data/x',
    'x=y': 'x=y',
    '0x10': '0x10',
    "'abc'": 'abc',
    '"1"': 1,
    '1,2': [1, 2],
    '7,7': [7, 7],
    'a,b': ['a', 'b'],
    'a,': ['a'],
    '[a,b]': ['a', 'b'],
    '[1, 2.5, None]': [1, 2.5, None],
    "['a','b']": ['a', 'b'],
    '[]': [],
    '()': (),
    '(a,b)': ('a', 'b'),
    '(8, 8)': (8, 8),
    '(1,)': (1,),
    '[(a,b),c]': [('a', 'b'), 'c'],
    '[(1,2),[3,4]]': [(1, 2), [3, 4]],
    '((1,2),(3,4))': ((1, 2), (3, 4)),
    '[[a,true],None]': [['a', True], None],
    'head.classifiers,head.norms': ['head.classifiers', 'head.norms'],
    'a b': 'ab',
    '{name}_1.pth': '{name}_1.pth',
    '"[a,b]"': ['a', 'b'],
    "'(8, 8)'": (8, 8),
    '"[(a,b),(c,d)]"': [('a', 'b'), ('c', 'd')],
}


def of_mmengine(pair):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', pair]).cfg_options


def ours(*pairs):
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    return parser.parse_args(['--cfg-options', *pairs]).cfg_options


@pytest.mark.parametrize(('text', 'value'), FORMS.items(), ids=FORMS)
def test_a_value_means_what_it_means_to_mmengine(text, value):
    """Values that look like Python but are mmengine's: 11 of 31 forms had another meaning."""
    read = ours(f'a.b={text}')
    assert read == of_mmengine(f'a.b={text}') == {'a.b': value}
    assert type(read['a.b']) is type(value)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('{}', {}),
        ("{'a': 1}", {'a': 1}),
        ('dict(a=1)', {'a': 1}),
        ("dict(type='GELU', b=dict(c=[1, 'x y']))", {'type': 'GELU', 'b': {'c': [1, 'x y']}}),
        ("{'a': dict(b=(1, None))}", {'a': {'b': (1, None)}}),
        ("[dict(type='A'), {'type': 'B'}]", [{'type': 'A'}, {'type': 'B'}]),
        ('(dict(a=-1),)', ({'a': -1},)),
        ('dict()', {}),
    ],
)
def test_dicts(text, value):
    assert parse_value(text) == value


@pytest.mark.parametrize(
    'text',
    [
        'dict(type=GELU)',
        '{a: 1}',
        "{'a': open('x')}",
        "dict({'a': 1})",
        'dict(**x)',
        "{**{'a': 1}}",
        '[dict(a=1),b]',
        '(1,2',
        '[1,2]]',
    ],
)
def test_what_is_neither_is_a_usage_error(text, capsys):
    with pytest.raises(SystemExit) as caught:
        ours(f'a.b={text}')
    assert caught.value.code == 2
    assert '--cfg-options a.b' in capsys.readouterr().err


def test_lost_spaces_are_mentioned(capsys):
    assert ours('data_root=/my data') == {'data_root': '/mydata'}
    assert "'/my data' is read as '/mydata'" in capsys.readouterr().err
    ours('a=[1, 2]', 'b=x')
    assert capsys.readouterr().err == ''


def test_later_options_are_added():
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    given = ['--cfg-options', 'a=1', 'b=2', '--cfg-options', 'b=3']
    assert parser.parse_args(given).cfg_options == {'a': 1, 'b': 3}


def test_help_does_not_wait_for_mmengine(monkeypatch, capsys):
    """Imports of half a second and more, for which the help of every tool would wait."""
    for name in [name for name in sys.modules if name.split('.')[0] in ('mmengine', 'torch')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'mmengine', None)
    monkeypatch.setitem(sys.modules, 'torch', None)
    source = (REPOSITORY / 'msvitreid' / 'cli' / 'train.py').read_text()
    namespace = {'__name__': 'train', '__doc__': 'x'}
    exec(compile(source, 'train.py', 'exec'), namespace)
    with pytest.raises(SystemExit):
        namespace['parse_args'](['--help'])
    assert '--cfg-options' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('text', 'value'),
    [('"/data/my sets"', '/data/my sets'), ("'/data/a,b'", '/data/a,b')],
)
def test_quotes_keep_spaces_and_commas(text, value):
    """Paths that no spelling could name."""
    assert ours(f'data_root={text}') == {'data_root': value}


def test_two_lists_without_brackets_around_them():
    """mmengine's own action never ends on it."""
    with pytest.raises(ValueError, match='put brackets around'):
        parse_value('(1,2),(3,4)')


@pytest.mark.parametrize(
    'text', ["{'lr': 1, 'lr': 2}", 'dict(lr=1, lr=2)', "[dict(a={'lr': 1, 'lr': 2})]"]
)
def test_a_key_that_is_there_twice(text):
    """The class: a stated value that is lost without a word; Python takes the last one."""
    with pytest.raises(ValueError, match="'lr' is there twice"):
        parse_value(text)
