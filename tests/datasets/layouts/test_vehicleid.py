from __future__ import annotations

import pytest

from msvitreid.datasets import VehicleID
from msvitreid.errors import ConfigError, DatasetError
from tests.datasets.published import assert_equals_table, build
from tests.miniature import write_vehicleid


@pytest.mark.parametrize(('test_size', 'images'), [(800, 18), (1600, 24), (2400, 30)])
def test_every_test_size(test_size, images, tmp_path):
    table = write_vehicleid(tmp_path, test_size=test_size)
    assert len(table['query']) == images
    assert_equals_table(
        lambda split: build('vehicleid', tmp_path, split=split, test_size=test_size), table
    )
    assert build('vehicleid', tmp_path, split='test', test_size=test_size).name == (
        f'VehicleID {test_size}'
    )


@pytest.mark.parametrize(
    ('test_size', 'images'), [(800, '6,493'), (1600, '13,377'), (2400, '19,777')]
)
def test_expected_counts_are_those_of_the_test_size(test_size, images, tmp_path):
    write_vehicleid(tmp_path)
    with pytest.raises(
        DatasetError, match=rf'expected {images}\).*identities \(expected {test_size:,}\)'
    ):
        VehicleID(str(tmp_path), split='test', test_size=test_size)


def test_unknown_test_size_is_named(tmp_path):
    with pytest.raises(ConfigError, match='test_size=801'):
        VehicleID(str(tmp_path), test_size=801)


def test_has_no_gallery(tmp_path):
    with pytest.raises(ConfigError, match="VehicleID: split='gallery' is not one of"):
        VehicleID(str(tmp_path), split='gallery')


@pytest.mark.parametrize('line', ['0000001', '0000001 two', '0000001 2 3'])
def test_bad_line_is_named(line, tmp_path):
    write_vehicleid(tmp_path)
    test_list = tmp_path / 'VehicleID_V1.0/train_test_split/test_list_800.txt'
    test_list.write_text(f'\n{line}\n')
    with pytest.raises(DatasetError, match=rf"_800\.txt, line 2: '{line}'"):
        build('vehicleid', tmp_path, split='test')


def test_missing_list_is_named(tmp_path):
    write_vehicleid(tmp_path)
    (tmp_path / 'VehicleID_V1.0/train_test_split/test_list_1600.txt').unlink()
    with pytest.raises(DatasetError, match=r'test_list_1600\.txt: .*No such file'):
        build('vehicleid', tmp_path, split='test', test_size=1600)


def test_empty_list_is_an_empty_split(tmp_path):
    write_vehicleid(tmp_path)
    (tmp_path / 'VehicleID_V1.0/train_test_split/test_list_800.txt').write_text('')
    with pytest.raises(DatasetError, match=r"'query' .*test_list_800\.txt"):
        build('vehicleid', tmp_path, split='test')
