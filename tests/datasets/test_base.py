from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from msvitreid.datasets import (
    About,
    ImageRecord,
    LoadImage,
    Market1501,
    PackReIDInputs,
    ReIDDataset,
    SplitStatistics,
)
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS

RECORDS = {
    'train': [('b.jpg', 30, 1), ('a.jpg', 7, 2), ('d.jpg', 7, 1), ('c.jpg', 12, -1)],
    'query': [('q.jpg', 5, 1)],
    'gallery': [('h.jpg', 5, 2), ('g.jpg', 0, -1)],
}


class TinyDataset(ReIDDataset):
    """Four training images, one query and two gallery images that no file backs."""

    folder_names = ('tiny',)
    markers = ('marker',)
    sources = {'train': 't/', 'query': 'q/', 'gallery': 'g/'}

    def read_split(self, root, split):
        return [ImageRecord(*record) for record in RECORDS[split]]


@pytest.fixture
def data_root(tmp_path):
    (tmp_path / 'tiny').mkdir()
    (tmp_path / 'tiny' / 'marker').touch()
    return str(tmp_path)


def expecting(**counts):
    return type('Expecting', (TinyDataset,), {'expected': {'train': SplitStatistics(**counts)}})


@pytest.mark.parametrize('pipeline', [None, 'LoadImage', {'type': 'LoadImage'}])
def test_a_pipeline_is_a_list(pipeline, data_root):
    with pytest.raises(ConfigError, match='pipeline must be a list'):
        TinyDataset(data_root, pipeline=pipeline)


def test_train_entries_are_sorted_and_labeled(data_root):
    dataset = TinyDataset(data_root)
    entries = [dataset.get_data_info(i) for i in range(len(dataset))]
    keys = ('img_path', 'pid', 'camid', 'label', 'sample_idx')
    assert [tuple(entry[key] for key in keys) for entry in entries] == [
        ('a.jpg', 7, 2, 0, 0),
        ('b.jpg', 30, 1, 2, 1),
        ('c.jpg', 12, -1, 1, 2),
        ('d.jpg', 7, 1, 0, 3),
    ]
    assert {e['split'] for e in entries} == {'train'}
    assert dataset.metainfo['num_classes'] == 3
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [0, 2, 1, 0]


def test_test_split_is_queries_then_gallery(data_root):
    dataset = TinyDataset(data_root, split='test')
    entries = [dataset[i] for i in range(len(dataset))]
    assert [(e['img_path'], e['split']) for e in entries] == [
        ('q.jpg', 'query'),
        ('g.jpg', 'gallery'),
        ('h.jpg', 'gallery'),
    ]
    assert not any('label' in e for e in entries)
    assert 'num_classes' not in dataset.metainfo
    assert len(TinyDataset(data_root, split='query')) == 1
    assert len(TinyDataset(data_root, split='gallery')) == 2


def test_statistics_count_known_cameras_only(data_root):
    assert TinyDataset(data_root).statistics() == {'train': SplitStatistics(4, 3, 2)}
    assert TinyDataset(data_root, split='test').statistics() == {
        'query': SplitStatistics(1, 1, 1),
        'gallery': SplitStatistics(2, 2, 1),
    }


def test_subset_keeps_labels_of_the_whole(data_root):
    dataset = TinyDataset(data_root, indices=[1, 2])
    assert dataset.labels.tolist() == [2, 1]
    assert dataset.metainfo['num_classes'] == 3
    assert TinyDataset(data_root).get_subset([3, 1]).labels.tolist() == [0, 2]
    assert TinyDataset(data_root, serialize_data=False).labels.tolist() == [0, 2, 1, 0]


def test_lazy_init_reads_nothing_until_asked(tmp_path):
    dataset = TinyDataset(str(tmp_path), lazy_init=True)
    with pytest.raises(DatasetError, match='not found'):
        len(dataset)


def test_labels_need_the_train_split(data_root):
    with pytest.raises(ConfigError, match=r"labels .*'train' .*'test'"):
        _ = TinyDataset(data_root, split='test').labels


@pytest.mark.parametrize(
    ('option', 'value'), [('split', 'val'), ('on_count_mismatch', 'raise')]
)
def test_unknown_option_value_is_named(data_root, option, value):
    with pytest.raises(ConfigError, match=f'TinyDataset: {option}={value!r}'):
        TinyDataset(data_root, **{option: value})


def test_empty_split_is_named(data_root, monkeypatch):
    monkeypatch.setitem(RECORDS, 'gallery', [])
    with pytest.raises(DatasetError, match=r"split 'gallery' is empty.*tiny under g/"):
        TinyDataset(data_root, split='test')


def test_matching_counts_pass(data_root, caplog):
    expecting(images=4, identities=3, cameras=2)(data_root)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


def test_exact_mismatch_is_an_error_that_shows_both_and_the_way_out(data_root):
    with pytest.raises(DatasetError) as error:
        expecting(images=1_234, identities=3, cameras=About(9))(data_root)
    message = str(error.value)
    assert 'train has 4 images (expected 1,234)' in message
    assert '2 cameras (expected about 9)' in message
    assert 'identities' not in message
    assert "on_count_mismatch='warn' or 'ignore'" in message


@pytest.mark.parametrize(
    ('images', 'option', 'warned'),
    [
        (About(5), 'error', True),
        (About(5), 'ignore', False),
        (5, 'warn', True),
        (5, 'ignore', False),
        (About(4), 'error', False),
    ],
)
def test_mismatch_that_is_no_error(data_root, monkeypatch, images, option, warned):
    logged = []
    monkeypatch.setattr(
        'msvitreid.datasets.base.print_log',
        lambda text, logger, level=logging.INFO: logged.append((level, text)),
    )
    expecting(images=images)(data_root, on_count_mismatch=option)
    warnings = [text for level, text in logged if level == logging.WARNING]
    assert bool(warnings) == warned
    assert all('train has 4 images (expected' in text for text in warnings)


def test_counts_are_those_before_taking_a_subset(data_root):
    assert len(expecting(images=4)(data_root, indices=2)) == 2


@pytest.mark.parametrize(('camid', 'warned'), [(1, True), (2, False)])
def test_query_and_gallery_without_a_common_camera(data_root, monkeypatch, camid, warned):
    """Cameras under other names in one split switch the Market rule off without a word."""
    monkeypatch.setitem(RECORDS, 'query', [('q.jpg', 5, camid)])
    logged = []
    monkeypatch.setattr(
        'msvitreid.datasets.base.print_log',
        lambda text, logger, level=logging.INFO: logged.append((level, text)),
    )
    TinyDataset(data_root, split='test')
    warnings = [text for level, text in logged if level == logging.WARNING]
    assert [text.startswith('TinyDataset in ') for text in warnings] == [True] * warned
    TinyDataset(data_root, split='query')
    TinyDataset(data_root)
    assert len([text for level, text in logged if level == logging.WARNING]) == warned


def test_what_was_found_is_logged(data_root, monkeypatch):
    logged = []
    monkeypatch.setattr(
        'msvitreid.datasets.base.print_log', lambda text, **_: logged.append(text)
    )
    TinyDataset(data_root)
    assert logged == [
        f'TinyDataset train: 4 images, 3 identities, 2 cameras ({Path(data_root) / "tiny"})'
    ]


def test_data_root_comes_from_the_environment(data_root, monkeypatch):
    monkeypatch.setenv('MSVITREID_DATA_ROOT', data_root)
    assert len(TinyDataset()) == 4


def test_data_root_defaults_to_data(tmp_path, monkeypatch):
    monkeypatch.delenv('MSVITREID_DATA_ROOT', raising=False)
    monkeypatch.chdir(tmp_path)
    os.makedirs('data/TINY')
    Path('data/TINY/marker').touch()
    assert len(TinyDataset()) == 4


def test_given_data_root_beats_the_environment(data_root, monkeypatch, tmp_path):
    monkeypatch.setenv('MSVITREID_DATA_ROOT', str(tmp_path / 'elsewhere'))
    assert len(TinyDataset(data_root)) == 4


def test_pipeline_is_built_without_a_default_scope(data_root):
    dataset = TinyDataset(data_root, pipeline=[{'type': 'LoadImage'}, PackReIDInputs()])
    first, second = dataset.pipeline.transforms
    assert isinstance(first, LoadImage)
    assert isinstance(second, PackReIDInputs)


def test_unknown_transform_is_named(data_root):
    with pytest.raises(ConfigError, match=r"'LoadImages'.*'LoadImage'"):
        TinyDataset(data_root, pipeline=[{'type': 'LoadImages'}])


def test_an_edited_list_of_equal_size_and_time_is_read_again(tmp_path):
    """Stale data: a cache of listings gave old labels, for 0.7 s saved on 100,000 files."""
    file = tmp_path / 'list.csv'
    labels = []
    for pids in ((1, 1, 2), (1, 2, 2)):
        file.write_text('path,pid\n' + ''.join(f'{i}.jpg,{p}\n' for i, p in enumerate(pids)))
        for path in (file, tmp_path):
            os.utime(path, (10**9, 10**9))
        labels.append(ReIDDataset(str(tmp_path), csv='list.csv').labels.tolist())
    assert labels == [[0, 0, 1], [0, 1, 1]]


def test_the_option_of_the_removed_cache_is_unknown(tmp_path):
    with pytest.raises(ConfigError, match=r'ReIDDataset\.listing_cache'):
        DATASETS.build(dict(type='ReIDDataset', data_root=str(tmp_path), listing_cache=True))


def test_datasets_are_registered():
    for name in (
        'ReIDDataset', 'Market1501', 'DukeMTMC', 'OccludedDuke', 'CUHK03NP', 'MSMT17',
        'PDukeMTMC', 'Cars196', 'CUB200', 'VeRi776', 'VehicleID', 'SOP', 'InShop',
        'University1652', 'OccludedREID', 'PartialREID',
    ):  # fmt: skip
        assert issubclass(DATASETS.get(name), ReIDDataset)
    assert DATASETS.get('Market1501') is Market1501
