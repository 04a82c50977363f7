from __future__ import annotations

import pytest

from msvitreid.errors import ConfigError, DatasetError
from tests.datasets.published import build
from tests.miniature import write_sop


@pytest.mark.parametrize('line', ['1 2 3', '1 two 1 bicycle_final/1.JPG', '1 2 3 a b.JPG'])
def test_bad_line_is_named(line, tmp_path):
    write_sop(tmp_path)
    with open(tmp_path / 'Stanford_Online_Products/Ebay_test.txt', 'a') as file:
        file.write(f'{line}\n')
    with pytest.raises(DatasetError, match=rf"Ebay_test\.txt, line 21: '{line}'"):
        build('sop', tmp_path, split='test')


def test_list_of_nothing_but_the_header_is_an_empty_split(tmp_path):
    write_sop(tmp_path)
    test_list = tmp_path / 'Stanford_Online_Products/Ebay_test.txt'
    test_list.write_text('image_id class_id super_class_id path\n')
    with pytest.raises(DatasetError, match=r"split 'query' is empty.*Ebay_test\.txt"):
        build('sop', tmp_path, split='test')


def test_has_no_gallery(tmp_path):
    with pytest.raises(ConfigError, match="split='gallery' is not one of"):
        build('sop', tmp_path, split='gallery')
