from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from msvitreid.datasets import ReIDDataset
from msvitreid.datasets.splitting import SplitOptions, write_split
from msvitreid.errors import ConfigError, DatasetError, OutputError


@pytest.fixture
def crops(tmp_path):
    """A folder per identity: 8 people, each with two images of two cameras."""
    rng = np.random.default_rng(0)
    for pid in range(8):
        folder = tmp_path / 'crops' / f'person {pid}'
        folder.mkdir(parents=True)
        for camera in (1, 2):
            for shot in range(2):
                pixels = rng.integers(0, 255, (8, 4, 3), np.uint8)
                cv2.imwrite(str(folder / f'{shot}_c{camera}.png'), pixels)
    return tmp_path / 'crops'


def datasets(done):
    return {
        split: ReIDDataset(done['data_root'], split, csv=os.path.abspath(done['file']))
        for split in ('train', 'query', 'gallery')
    }


def test_a_folder_becomes_a_list_that_is_read(crops):
    done = write_split(crops, camera_pattern=r'_c(\d+)')
    assert done['file'] == str(crops / 'split.csv')
    counts = {'images': 24, 'identities': 6, 'cameras': 2}
    assert done['train'] == counts
    assert (done['query']['images'], done['gallery']['images']) == (4, 4)
    for split, dataset in datasets(done).items():
        dataset.full_init()
        assert len(dataset) == done[split]['images']
    assert done['notes'] == []
    assert sorted(path.name for path in crops.iterdir() if path.is_file()) == ['split.csv']


def test_the_same_seed_gives_the_same_bytes(crops, tmp_path):
    files = [
        write_split(crops, tmp_path / f'{n}.csv', options=SplitOptions(seed=seed))['sha256']
        for n, seed in enumerate((5, 5, 6))
    ]
    assert files[0] == files[1] != files[2]


def test_a_list_becomes_a_list(crops, tmp_path):
    rows = ['path;pid;camid']
    for path in sorted(crops.rglob('*.png')):
        rows.append(f'{path.relative_to(crops)};{path.parent.name};cam {path.stem[-1]}')
    (tmp_path / 'all.csv').write_text('\n'.join(rows))
    done = write_split(tmp_path / 'all.csv', tmp_path / 'dealt.csv', root=crops)
    assert done['data_root'] == str(crops)
    train = datasets(done)['train']
    assert train.id_names.full_camid(train.get_data_info(0)['camid']) == 'cam 1'


def test_without_cameras_the_list_has_none_and_a_note_says_what_that_means(crops):
    done = write_split(crops)
    assert (crops / 'split.csv').read_text().splitlines()[0] == 'path,pid,split'
    (note,) = done['notes']
    assert '--camera-pattern' in note


def test_notes_say_what_becomes_of_special_identities(crops):
    for name, pid in (
        ('a_c1.png', 'single'),
        ('a_c1.png', 'one side'),
        ('b_c1.png', 'one side'),
    ):
        (crops / pid).mkdir(exist_ok=True)
        pixels = np.full((8, 4, 3), len(name + pid) + ord(name[0]), np.uint8)
        cv2.imwrite(str(crops / pid / name), pixels)
    (crops / 'person 1' / '0_c1.png').write_bytes(
        (crops / 'person 2' / '0_c1.png').read_bytes()
    )
    notes = '\n'.join(write_split(crops, camera_pattern=r'_c(\d+)')['notes'])
    assert '1 identity (single) has one image' in notes
    assert '1 identity (one side) has images of one camera' in notes
    assert 'person 1 and person 2' in notes


def test_names_that_a_list_would_change_are_refused_and_nothing_is_left(crops):
    (crops / 'person 0' / '0_c1.png').rename(crops / 'person 0' / ' 0_c1.png')
    (crops / 'person 0').rename(crops / ' person 0')
    with pytest.raises(DatasetError, match='rename'):
        write_split(crops)
    assert not [path for path in crops.iterdir() if path.is_file()]


def test_split_data_are_not_split_again(crops, tmp_path):
    done = write_split(crops)
    with pytest.raises(DatasetError, match='column split'):
        write_split(done['file'], tmp_path / 'again.csv')
    crops.rename(tmp_path / 'train')
    with pytest.raises(DatasetError, match='csv=None'):
        write_split(tmp_path)


def test_the_list_that_is_read_is_not_replaced(crops):
    (crops / 'split.csv').write_text('path,pid\nperson 0/0_c1.png,a\n')
    with pytest.raises(ConfigError, match=r'split\.csv'):
        write_split(crops / 'split.csv')


def test_bad_sources(crops, tmp_path):
    with pytest.raises(DatasetError, match='no such folder'):
        write_split(tmp_path / 'nowhere')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='no images'):
        write_split(tmp_path / 'empty')
    (tmp_path / 'all.csv').write_text('path,pid\ngone.jpg,a\n')
    with pytest.raises(DatasetError, match=r'gone\.jpg'):
        write_split(tmp_path / 'all.csv')
    with pytest.raises(ConfigError, match='camera_pattern'):
        write_split(tmp_path / 'all.csv', camera_pattern=r'(\d)')
    with pytest.raises(ConfigError, match='folder'):
        write_split(crops, root=tmp_path)


def test_where_nothing_can_be_written(crops):
    with pytest.raises(OutputError):
        write_split(crops, crops / 'person 0' / '0_c1.png' / 'split.csv')
