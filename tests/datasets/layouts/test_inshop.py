from __future__ import annotations

import pytest

from msvitreid.errors import DatasetError
from tests.datasets.published import assert_equals_table, build
from tests.miniature import write_inshop


@pytest.mark.parametrize('form', ['flat', 'released'])
def test_every_form(form, tmp_path):
    table = write_inshop(tmp_path, form=form)
    assert_equals_table(lambda split: build('inshop', tmp_path, split=split), table)


def test_list_beside_img_in_a_folder_of_its_own(tmp_path):
    table = write_inshop(tmp_path, form='released')
    root = tmp_path / 'In-shop Clothes Retrieval Benchmark'
    (root / 'Eval/list_eval_partition.txt').rename(root / 'list_eval_partition.txt')
    assert_equals_table(lambda split: build('inshop', tmp_path, split=split), table)


@pytest.mark.parametrize(
    'line',
    ['img/a.jpg 00000001 train', 'img/a.jpg id_1 val', 'img/a.jpg id_1', 'id_1 train'],
)
def test_bad_line_is_named(line, tmp_path):
    write_inshop(tmp_path)
    with open(tmp_path / 'In-shop/list_eval_partition.txt', 'a') as file:
        file.write(f'{line}\n')
    with pytest.raises(DatasetError, match=rf"line 60: '{line}'"):
        build('inshop', tmp_path, split='test')


def test_split_that_the_list_does_not_name_is_empty(tmp_path):
    write_inshop(tmp_path)
    partition = tmp_path / 'In-shop/list_eval_partition.txt'
    partition.write_text(partition.read_text().replace(' gallery', ' query'))
    with pytest.raises(DatasetError, match=r"partition\.txt as 'gallery'"):
        build('inshop', tmp_path, split='test')
