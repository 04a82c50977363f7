"""docs/en/where_to_change.md; class of faults: a page that names files and names that moved."""

from __future__ import annotations

import re

import pytest

from tests.tools.user import REPOSITORY

PAGE = (REPOSITORY / 'docs' / 'en' / 'where_to_change.md').read_text(encoding='utf-8')
ROWS = [
    [cell.strip() for cell in line.strip('|').split('|')]
    for line in PAGE.splitlines()
    if line.startswith('| ') and '`' in line
]


def test_the_classic_tasks_are_there():
    assert len(ROWS) == 43
    assert {len(row) for row in ROWS} == {4}


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[0])
def test_the_file_has_what_the_page_looks_for(row):
    _, file, names, _ = row
    (path,) = re.findall('`(.+?)`', file)
    root = REPOSITORY if path.startswith('configs/') else REPOSITORY / 'msvitreid'
    text = (root / path).read_text(encoding='utf-8')
    for name in re.findall('`(.+?)`', names):
        assert name in text, (path, name)


def test_the_options_of_the_page_exist():
    """Options of a config are checked by the config's own mechanism."""
    from msvitreid.engine import load_config
    from msvitreid.engine.config.checking import check_config

    stated = [
        pair.split('=')
        for cell in (row[3] for row in ROWS)
        for pair in re.findall(
            r'(?<![\w(])((?:model|default_hooks|train_cfg|val_evaluator|test_evaluator)[\w.]*=\w+)',
            cell,
        )
    ]
    assert len(stated) == 8
    values = {'False': False, 'None': None, '2000': 2000, '10': 10, '1': 1}
    changes = {key: values.get(value, value) for key, value in stated}
    check_config(load_config(REPOSITORY / 'configs/msvit/msvit-s_market1501.py', changes))
