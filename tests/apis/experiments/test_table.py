import json

import pytest

from msvitreid.apis.experiments import read_table
from msvitreid.apis.experiments.table import option_texts
from msvitreid.errors import ConfigError
from msvitreid.utils.config_values import parse_value

TABLE = {
    'config': 'msvit-demo',
    'options': {'data_root': '/a b/c', 'train_cfg.max_epochs': 3},
    'seeds': [0, 4],
    'tests': {'clean': {}, 'occluded': {'test_dataloader.dataset.ann_file': 'occluded.csv'}},
    'variants': {
        'sparse': {},
        'dense': {'options': {'model.backbone.sparse_ratio': 1.0}, 'title': 'all keys'},
        'resnet': {'config': 'resnet18-demo'},
    },
}


@pytest.fixture
def written(tmp_path):
    def write(content, name='table.yaml'):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def changed(**values):
    return {**TABLE, **values}


def test_reads_json_and_yaml(written):
    table = read_table(written(TABLE, 'table.json'))
    assert list(table.variants) == ['sparse', 'dense', 'resnet']
    assert (table.compared_with, table.title('dense')) == ('sparse', 'all keys')
    assert (table.config_of('dense'), table.config_of('resnet')) == (
        'msvit-demo',
        'resnet18-demo',
    )
    assert table.options_of('dense', 4) == {
        'data_root': '/a b/c',
        'train_cfg.max_epochs': 3,
        'model.backbone.sparse_ratio': 1.0,
        'randomness.seed': 4,
    }
    short = read_table(written('config: msvit-demo\nvariants:\n  one: {}\n'))
    assert (short.seeds, short.tests) == ([0], {'test': {}})


@pytest.mark.parametrize(
    'options',
    [
        {'a': 1, 'b': 0.1, 'c': True, 'd': None, 'e': 'text', 'f': 'with space'},
        {'a': [1, 2], 'b': [[1, 2], [3]], 'c': {'type': 'X', 'n': [1]}, 'd': [{'type': 'X'}]},
        {'a': 'x, y', 'c': 1e-5, 'd': -3, 'e': ''},
    ],
)
def test_option_texts_are_read_back(options):
    for text in option_texts(options):
        key, _, value = text.partition('=')
        assert parse_value(value) == options[key]


@pytest.mark.parametrize(
    ('content', 'key'),
    [
        (changed(seed=[1]), r"seed: no such key; did you mean 'seeds'"),
        (changed(seeds=[]), 'seeds'),
        (changed(seeds=[-1]), 'seeds.0'),
        (changed(seeds=['0']), 'seeds.0'),
        (changed(seeds=[1, 1]), 'seeds'),
        (changed(base='spares'), "base.*'sparse'"),
        (changed(variants={}), 'variants'),
        (changed(variants={'../x': {}}), r'variants.*names are letters'),
        (changed(variants={'a': {}, 'A': {}}), 'share a folder'),
        (changed(variants={'a': {'option': {}}}), r"variants.a.option: .*'options'"),
        (changed(variants={'a': {'options': [1]}}), 'variants.a.options'),
        (changed(config=''), 'variants.sparse.config'),
        (changed(variants={'a': {}, 'b': {'join': ['a', 'c']}}), r"variants.b.join: .*'c'"),
        (changed(variants={'a': {'join': ['a', 'a']}}), 'variants.a.join'),
        (changed(variants={'a': {}, 'b': {'join': ['a']}}), 'variants.b.join'),
        (changed(variants={'a': {}, 'b': {'join': ['a', 'a']}}), 'variants.b.join.*twice'),
        (changed(variants={'a': {}, 'b': {'join': []}}), 'variants.b.join'),
        (
            changed(
                variants={'a': {}, 'b': {}, 'c': {'join': ['a', 'b']}},
                tests={'unflipped': {'model.flip_test': False}},
            ),
            'tests.unflipped.model.flip_test',
        ),
        (
            changed(
                variants={'a': {}, 'b': {}, 'c': {'join': ['a', 'b'], 'options': {'x': 1}}}
            ),
            'variants.c.options',
        ),
        (changed(options={'randomness.seed': 1}), 'randomness.seed'),
        (changed(options={'a': '1'}), r"options.a cannot be .*'1'"),
        (changed(tests={}), 'tests'),
        (changed(tests={'a/b': {}}), 'tests'),
        ({'config': 'x'}, 'variants is missing'),
        ([1], 'table.yaml'),
        ('{', 'YAML or JSON'),
        ('a: &x [1]\nb: *x', 'references'),
        ('config: a\nconfig: b\nvariants: {a: {}}', "'config' is stated twice"),
        ('!!python/object/apply:os.system ["true"]', 'YAML or JSON'),
        ('[' * 100_000, 'YAML or JSON'),
        ('\0', 'YAML or JSON'),
        ('x' * (2**20 + 1), '1,048,577 bytes'),
        ('variants: {a: {options: {when: 2024-01-01}}}\nconfig: x', 'when'),
        ('', 'table.yaml'),
    ],
)
def test_wrong_tables(written, content, key):
    """A table is data: a wrong key would train something else, a name is a folder's."""
    with pytest.raises(ConfigError, match=key):
        read_table(written(content))


def test_a_missing_file(tmp_path):
    with pytest.raises((ConfigError, OSError)):
        read_table(tmp_path / 'none.yaml')
