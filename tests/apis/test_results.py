"""Class of faults: a written table that loses digits, names or the model it belongs to."""

import csv
import json
import os
import sys

import numpy as np
import pytest

from msvitreid.apis import Embeddings
from msvitreid.errors import ConfigError, OutputError


@pytest.fixture
def found():
    numbers = np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)
    paths = ['a, "b".jpg', 'ä\n.jpg']
    return Embeddings(numbers, paths, {'c.jpg': 'gone'}, 'f' * 64)


def test_a_numpy_archive(found, tmp_path):
    found.save(tmp_path / 'a.npz')
    with np.load(tmp_path / 'a.npz', allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive['embeddings'], found.embeddings)
        assert archive['paths'].tolist() == found.paths
        assert json.loads(str(archive['failed'])) == {'c.jpg': 'gone'}
        assert str(archive['fingerprint']) == 'f' * 64


def test_a_csv_table_has_all_digits(found, tmp_path):
    found.to_csv(tmp_path / 'a.csv')
    with open(tmp_path / 'a.csv', encoding='utf-8', newline='') as file:
        head, *rows = csv.reader(file)
    assert head == ['path', 'fingerprint', 'e0', 'e1', 'e2']
    assert [row[0] for row in rows] == found.paths
    assert {row[1] for row in rows} == {'f' * 64}
    np.testing.assert_array_equal(
        np.array([row[2:] for row in rows], np.float32), found.embeddings
    )


def test_a_parquet_table(found, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    found.write(tmp_path / 'a.parquet')
    table = parquet.read_table(tmp_path / 'a.parquet')
    assert table['path'].to_pylist() == found.paths
    assert table.schema.metadata[b'fingerprint'] == b'f' * 64
    np.testing.assert_array_equal(
        np.array(table['embedding'].to_pylist(), np.float32), found.embeddings
    )


def test_a_parquet_table_without_images_has_the_columns(tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    none = Embeddings(np.zeros((0, 3), np.float32), [], {}, 'f' * 64)
    none.to_parquet(tmp_path / 'a.parquet')
    table = parquet.read_table(tmp_path / 'a.parquet')
    assert table.num_rows == 0
    assert table.schema.field('embedding').type.list_size == 3
    assert table.schema.metadata[b'fingerprint'] == b'f' * 64


def test_a_path_that_parquet_cannot_hold(tmp_path):
    pytest.importorskip('pyarrow.parquet')
    found = Embeddings(np.ones((1, 1), np.float32), ['caf\udce9.jpg'])
    with pytest.raises(ConfigError, match='no Unicode text'):
        found.to_parquet(tmp_path / 'a.parquet')
    found.write(tmp_path / 'a.csv')
    assert os.listdir(tmp_path) == ['a.csv']


def test_without_pyarrow_a_sentence_says_what_to_install(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(ConfigError, match=r'msvitreid\[parquet\]'):
        found.to_parquet(tmp_path / 'a.parquet')


def test_nothing_half_written_is_left(found, tmp_path):
    for write in (found.save, found.to_csv):
        with pytest.raises(ConfigError, match=r'a\.txt'):
            write(tmp_path / 'a.txt')
    with pytest.raises(ConfigError, match=r'a\.txt.*\.parquet'):
        found.write(tmp_path / 'a.txt')
    with pytest.raises(OutputError, match='gone'):
        found.to_csv(tmp_path / 'gone' / 'a.csv')
    assert os.listdir(tmp_path) == []


def test_none_is_written_too(tmp_path):
    none = Embeddings(np.zeros((0, 3), np.float32), [])
    none.save(tmp_path / 'a.npz')
    none.to_csv(tmp_path / 'a.csv')
    assert (tmp_path / 'a.csv').read_text().splitlines() == ['path,fingerprint,e0,e1,e2']
    with np.load(tmp_path / 'a.npz') as archive:
        assert archive['embeddings'].shape == (0, 3)
