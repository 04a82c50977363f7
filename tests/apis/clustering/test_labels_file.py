"""Class of faults: a list that does something when it is opened in a spreadsheet."""

import csv

import pytest

from msvitreid.apis.clustering import read_list, write_list
from msvitreid.errors import DatasetError
from msvitreid.utils.spreadsheets import is_formula


def test_no_cell_is_a_formula_and_a_dataset_reads_the_same_paths(tmp_path):
    paths = ["=cmd()|'x'!A0.jpg", '+1+1.jpg', '@SUM(1).jpg', '-2+3.jpg', 'a/=b.jpg']
    file = tmp_path / 'list.csv'
    write_list(file, paths, list('01234'), ['=x', '@y', '+2', '', 'c'])
    with open(file, encoding='utf-8', newline='') as opened:
        rows = list(csv.reader(opened))[1:]
    assert [row[0] for row in rows] == [*(f'./{path}' for path in paths[:4]), 'a/=b.jpg']
    assert [row[2] for row in rows] == ["'=x", "'@y", '+2', '', 'c']
    assert not any(is_formula(cell) for row in rows for cell in row)
    assert sorted(read_list(file)) == sorted(f'/{path}' for path in paths)


def test_an_identity_that_is_a_formula_is_refused(tmp_path):
    with pytest.raises(DatasetError, match='formula'):
        write_list(tmp_path / 'list.csv', ['a.jpg'], ['=cmd()'], [''])
    assert list(tmp_path.iterdir()) == []


def test_numbers_and_names_are_no_formulas():
    assert not any(map(is_formula, ('', '-5', '+1.5', '1e5', 'a=b', 'cam 1')))
    assert all(map(is_formula, ('=', '@x', '-x', '+1+1', '\t=1', '\r')))
