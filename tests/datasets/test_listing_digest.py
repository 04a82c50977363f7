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
