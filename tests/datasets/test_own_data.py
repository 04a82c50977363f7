"""A user's own data through the registered `ReIDDataset`."""

from __future__ import annotations

import pytest

from msvitreid.datasets import Market1501, ReIDDataset
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS

CSV = (
    'path,pid,split\nb.jpg,10,train\na.jpg,7,train\nc.jpg,7,train\nd.jpg,3,test\ne.jpg,3,test\n'
)


@pytest.fixture
def crops(tmp_path):
    (tmp_path / 'crops.csv').write_text(CSV)
    for file in ('train/anna/a.jpg', 'train/ben/b_c2.jpg', 'query/anna/c.jpg'):
        (tmp_path / 'folders' / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'folders' / file).touch()
    (tmp_path / 'folders' / 'gallery' / 'anna').mkdir(parents=True)
    return tmp_path


def entries(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_csv_gives_sorted_and_labeled_entries(crops):
    dataset = DATASETS.build(
        dict(type='ReIDDataset', data_root=str(crops), csv='crops.csv', split='train')
    )
    assert entries(dataset) == [
        dict(img_path=f'{crops}/{name}.jpg', pid=pid, camid=-1, split='train', label=label,
             sample_idx=index)
        for index, (name, pid, label) in enumerate([('a', 1, 0), ('b', 2, 1), ('c', 1, 0)])
    ]  # fmt: skip
    assert dataset.metainfo['num_classes'] == 2


def test_csv_may_lie_elsewhere(crops):
    dataset = ReIDDataset(str(crops / 'folders'), 'test', csv=str(crops / 'crops.csv'))
    assert [(e['img_path'], e['pid'], e['split']) for e in entries(dataset)] == [
        (f'{crops}/folders/d.jpg', 0, 'query'),
        (f'{crops}/folders/e.jpg', 0, 'query'),
    ]


def test_folders(crops):
    dataset = ReIDDataset(str(crops / 'folders'))
    assert [(e['pid'], e['camid'], e['label']) for e in entries(dataset)] == [
        (0, -1, 0),
        (1, -1, 1),
    ]


def test_an_empty_split_is_named(crops):
    with pytest.raises(DatasetError, match=r"'gallery' .*gallery/<identity>/"):
        ReIDDataset(str(crops / 'folders'), 'test')
    with pytest.raises(DatasetError, match=r"'gallery' is empty.* under crops\.csv"):
        ReIDDataset(str(crops), 'gallery', csv='crops.csv')


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere' is not a folder"):
        ReIDDataset(str(tmp_path / 'nowhere'))


def test_cameras_in_names(crops):
    with pytest.raises(DatasetError, match=r'anna/a\.jpg: camera_pattern'):
        ReIDDataset(str(crops / 'folders'), camera_pattern=r'_c(\d)')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'csv': 'crops.csv', 'camera_pattern': '(1)'}, 'is for folders'),
        ({'camera_pattern': '1'}, 'has no group'),
    ],
)
def test_options_that_do_not_go_together(options, message, crops):
    with pytest.raises(ConfigError, match=message):
        ReIDDataset(str(crops), **options)


@pytest.mark.parametrize('option', ['csv', 'camera_pattern'])
@pytest.mark.parametrize('dataset', ['Market1501', 'MSMT17', 'VehicleID', 'CUHK03NP'])
def test_a_dataset_with_a_layout_takes_no_own_data(dataset, option, crops):
    with pytest.raises(ConfigError, match=f'{dataset} has a layout of its own'):
        DATASETS.build(dict(type=dataset, data_root=str(crops), **{option: '(1)'}))


def test_a_subclass_may_name_own_data(crops):
    class Crops(ReIDDataset):
        folder_names = ('folders',)
        markers = ('train',)

    assert len(Crops(str(crops))) == 2
    assert not issubclass(Crops, Market1501)
