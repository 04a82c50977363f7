import tracemalloc

import numpy as np
import pytest

from msvitreid.datasets.listing_digest import listing_digest


class Listed:
    """A dataset of entries as mmengine's have them."""

    def __init__(self, *entries):
        self.entries = entries

    def __len__(self):
        return len(self.entries)

    def get_data_info(self, index):
        return self.entries[index]


def entry(path, pid, camid=1, **more):
    return dict(img_path=path, pid=pid, camid=camid, label=pid, **more)


BASE = Listed(entry('/a/train/1.jpg', 1), entry('/a/train/2.jpg', 2))


def test_counts():
    digest = listing_digest(BASE)
    assert digest['images'].startswith('2 (sha256 ')
    assert digest['identities'].startswith('2 (sha256 ')


def test_the_folder_does_not_count():
    moved = Listed(entry('b/train/1.jpg', 1), entry('b/train/2.jpg', 2))
    assert listing_digest(moved) == listing_digest(BASE)


def test_members_of_a_joined_dataset_may_move_apart():
    def joined(one, two):
        return Listed(
            entry(f'{one}/1.jpg', 1, dataset='one'), entry(f'{two}/2.jpg', 2, dataset='two')
        )

    assert listing_digest(joined('/a/x', '/a/y')) == listing_digest(joined('/b/x', '/c/d/y'))


@pytest.mark.parametrize(
    ('other', 'changed'),
    [
        (
            Listed(entry('/a/train/1.jpg', 1), entry('/a/train/2.jpg', 3)),
            {'images', 'identities'},
        ),
        (Listed(entry('/a/train/1.jpg', 1), entry('/a/train/2.jpg', 2, 4)), {'images'}),
        (Listed(entry('/a/train/1.jpg', 1), entry('/a/train/3.jpg', 2)), {'images'}),
        (Listed(entry('/a/train/2.jpg', 2), entry('/a/train/1.jpg', 1)), {'images'}),
    ],
    ids=['identity', 'camera', 'name', 'order'],
)
def test_what_differs(other, changed):
    one, two = listing_digest(BASE), listing_digest(other)
    assert {key for key in one if one[key] != two[key]} == changed


def test_datasets_that_list_nothing():
    assert listing_digest([1, 2]) == {}


def test_mmpretrains_entries():
    one = Listed(dict(img_path='/a/n01/1.jpg', gt_label=0))
    two = Listed(dict(img_path='/a/n01/1.jpg', gt_label=1))
    assert listing_digest(one)['identities'] != listing_digest(two)['identities']


def test_paths_without_a_common_folder():
    assert listing_digest(Listed(entry('', 1), entry('/a/1.jpg', 2)))['images'].startswith('2 ')


def test_digests_are_those_of_checkpoints_so_far():
    """Class of faults: a run that cannot be resumed, as its digest is computed otherwise."""
    other = Listed(
        entry('a/1.jpg', 1),
        entry('a/b/2.jpg', np.int64(2), split='train'),
        entry('', 3, dataset='x'),
    )
    assert listing_digest(BASE) == {
        'images': '2 (sha256 e57b6f041869ae92)',
        'identities': '2 (sha256 21f6151b86eb1200)',
    }
    assert listing_digest(other) == {
        'images': '3 (sha256 d850092d671bfce9)',
        'identities': '3 (sha256 b84c24ff16eda79b)',
    }


def test_no_list_of_all_entries_is_kept():
    """Class of faults: memory that grows with the data, on every process."""
    count, paths = 5_000, [f'/a/train/{number % 10}/{number}.jpg' for number in range(5_000)]

    class Made(Listed):
        def __len__(self):
            return count

        def get_data_info(self, index):
            return entry(paths[index], index % 10)

    tracemalloc.start()
    try:
        listing_digest(Made())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000
