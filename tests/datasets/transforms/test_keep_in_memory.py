from __future__ import annotations

import multiprocessing
import pickle

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from msvitreid.datasets.transforms import KeepInMemory, LoadImage, PackReIDInputs, RandomCrop
from msvitreid.errors import ConfigError, DatasetError

SIZE = (6, 4)
GIB = 2**30


class Maker:
    """Makes an image of the entry's path, and counts how often it had to."""

    def __init__(self, shape=(*SIZE, 3)):
        self.shape = shape
        self.calls = multiprocessing.Value('i', 0)

    def __call__(self, results):
        with self.calls.get_lock():
            self.calls.value += 1
        seed = sum(results['img_path'].encode())
        img = np.random.default_rng(seed).integers(0, 256, self.shape).astype(np.uint8)
        return {**results, 'img': img, 'img_shape': img.shape[:2], 'other': 1}


class Entries(Dataset):
    def __init__(self, transform, count):
        self.transform, self.count = transform, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.transform(entry(index))['img'].copy()


def entry(index, path=None):
    return {'img_path': path or f'{index}.jpg', 'sample_idx': index, 'pid': index}


def test_an_image_is_made_once_and_comes_out_alike():
    maker = Maker()
    keep = KeepInMemory([maker], SIZE, max_gib=1e-4)
    for _ in range(3):
        for index in (0, 5, 2):
            results = keep(entry(index))
            assert np.array_equal(results['img'], maker(entry(index))['img'])
            assert results['img_shape'] == SIZE
            assert set(results) == {'img_path', 'sample_idx', 'pid', 'img', 'img_shape'}
    assert maker.calls.value == 3 + 9


def test_nobody_can_write_to_what_is_kept():
    keep = KeepInMemory([Maker()], SIZE, max_gib=1e-4)
    for _ in range(2):
        with pytest.raises(ValueError, match='read-only'):
            keep(entry(0))['img'][0] = 0


def test_what_does_not_fit_is_made_anew():
    for maker, index in ((Maker((5, 4, 3)), 0), (Maker(), 10), (Maker(), -1)):
        keep = KeepInMemory([maker], SIZE, max_gib=800 / GIB)  # 10 images of 72 + 8 bytes
        for _ in range(2):
            assert keep(entry(index))['img'].shape == maker.shape
        assert maker.calls.value == 2


def test_another_path_under_the_same_index_is_another_image():
    maker = Maker()
    keep = KeepInMemory([maker], SIZE, max_gib=1e-4)
    first, other = keep(entry(1, 'a'))['img'].copy(), keep(entry(1, 'b'))['img'].copy()
    assert not np.array_equal(first, other)
    assert np.array_equal(keep(entry(1, 'a'))['img'], first)


def test_forked_workers_share_from_epoch_to_epoch():
    maker = Maker()
    keep = KeepInMemory([maker], SIZE, max_gib=1e-4)
    loader = DataLoader(
        Entries(keep, 8), batch_size=2, num_workers=2, multiprocessing_context='fork'
    )
    epochs = [np.concatenate(list(loader)) for _ in range(3)]
    assert maker.calls.value == 8
    expected = np.stack([maker(entry(index))['img'] for index in range(8)])
    assert all(np.array_equal(epoch, expected) for epoch in epochs)


def test_a_pickled_one_starts_empty():
    keep = KeepInMemory([LoadImage()], SIZE, max_gib=1e-4)
    copy = pickle.loads(pickle.dumps(keep))
    assert repr(copy) == repr(keep)
    assert not copy._marks.any()


def test_the_published_chain_is_the_same_with_it(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / 'x.png'), pixels)
    chains = [LoadImage()], [KeepInMemory([{'type': 'LoadImage'}], SIZE, max_gib=1e-4)]
    for seed in range(20):
        batches = []
        for first in chains:
            np.random.seed(seed)  # noqa: NPY002
            results = entry(0, str(tmp_path / 'x.png'))
            for transform in (*first, RandomCrop(SIZE, 2), PackReIDInputs()):
                results = transform(results)
            batches.append(results['inputs'])
        assert batches[0].equal(batches[1])


def test_an_unreadable_file_is_an_error_every_time(tmp_path):
    (tmp_path / 'x.jpg').write_bytes(b'no image')
    keep = KeepInMemory([LoadImage()], SIZE, max_gib=1e-4)
    for _ in range(2):
        with pytest.raises(DatasetError, match='not an image'):
            keep(entry(0, str(tmp_path / 'x.jpg')))


@pytest.mark.parametrize('max_gib', [0.0, -1.0, 1e12])
def test_memory_that_cannot_be_had_is_named(max_gib):
    with pytest.raises(ConfigError, match=r'max_gib=.*choose another max_gib'):
        KeepInMemory([], SIZE, max_gib)
