from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from msvitreid.datasets import JoinedDataset, ReIDDataset
from msvitreid.datasets.loading.redraw import load_or_redraw
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.errors import ConfigError, DatasetError
from tests.miniature.tree import write_image

PIPELINE = [dict(type='LoadImage'), dict(type='PackReIDInputs')]
IMAGES = 6


@pytest.fixture
def crops(tmp_path):
    """Identities 0 and 1, six images each."""
    for identity in range(2):
        for image in range(IMAGES):
            write_image(tmp_path / f'{identity}' / f'{image}.png', identity, (4, 2))
    return tmp_path


def build(root, **options):
    options = {'pipeline': PIPELINE, 'on_unreadable': 'redraw', **options}
    return ReIDDataset(str(root), **options)


def damage(*paths):
    for path in paths:
        path.write_text('no image')
    return tuple(map(str, paths))


def test_by_default_an_unreadable_image_is_an_error_that_names_it(crops):
    (broken,) = damage(crops / '0' / '3.png')
    with pytest.raises(DatasetError, match=broken):
        build(crops, on_unreadable='error')[3]
    with pytest.raises(DatasetError, match=broken):
        ReIDDataset(str(crops), pipeline=PIPELINE)[3]


def test_another_image_of_the_identity_is_taken_and_the_file_is_named(crops):
    broken = damage(crops / '1' / '2.png')
    dataset = build(crops)
    for seed in range(10):
        np.random.seed(seed)  # noqa: NPY002
        sample = dataset[IMAGES + 2]['data_samples']
        assert sample.pid == sample.label == 1
        assert sample.unreadable == broken
        assert 'unreadable' in sample.metainfo_keys()
        # It is another image altogether, not the wanted one with other pixels.
        assert sample.img_path == str(crops / '1' / f'{sample.sample_idx - IMAGES}.png')
        assert sample.img_path not in broken


def test_the_draw_goes_on_until_an_image_is_readable_and_names_all_that_were_not(crops):
    broken = damage(*(crops / '0' / f'{image}.png' for image in range(IMAGES - 1)))
    dataset = build(crops)
    longest = ()
    for seed in range(30):
        np.random.seed(seed)  # noqa: NPY002
        sample = dataset[2]['data_samples']
        assert sample.sample_idx == IMAGES - 1
        assert sample.unreadable[0] == broken[2]
        longest = max(longest, sample.unreadable, key=len)
    assert sorted(longest) == sorted(broken)


def test_a_readable_image_is_itself(crops):
    damage(crops / '1' / '2.png')
    dataset = build(crops)
    for index in [*range(IMAGES + 2), *range(IMAGES + 3, 2 * IMAGES)]:
        sample = dataset[index]['data_samples']
        assert sample.sample_idx == index
        assert sample.get('unreadable') is None


def test_numpys_state_decides_and_every_other_image_is_drawn_alike_often(crops):
    damage(crops / '0' / '0.png')
    dataset = build(crops)

    def draw(seed):
        np.random.seed(seed)  # noqa: NPY002
        return dataset[0]['data_samples'].sample_idx

    drawn = [draw(seed) for seed in range(500)]
    assert drawn == [draw(seed) for seed in range(500)]
    times = np.bincount(drawn, minlength=2 * IMAGES)
    # 100 of 500 each: four standard deviations of a binomial are 36.
    assert times[0] == times[IMAGES:].sum() == 0
    assert all(64 < count < 136 for count in times[1:IMAGES])


def test_an_identity_without_a_readable_image_is_an_error(crops):
    broken = damage(*(crops / '1' / f'{image}.png' for image in range(IMAGES)))
    with pytest.raises(DatasetError) as error:
        build(crops)[IMAGES + 4]
    message = str(error.value)
    assert message.startswith('ReIDDataset: none of the 6 images of identity 1 ')
    assert broken[4] in message
    assert sum(path in message for path in broken) == 3
    assert ', ...)' in message


def test_an_only_image_is_an_error(tmp_path):
    for identity in range(2):
        write_image(tmp_path / f'{identity}' / '0.png', identity, (4, 2))
    (broken,) = damage(tmp_path / '0' / '0.png')
    with pytest.raises(DatasetError, match=rf'identity 0 .* \({broken}\)'):
        build(tmp_path)[0]


def test_other_errors_are_not_passed_over(crops):
    dataset = build(crops, pipeline=[PIPELINE[0], dict(type='RandomCrop', size=(9, 9))])
    with pytest.raises(ConfigError, match='larger than the image'):
        dataset[0]


def test_a_pipeline_that_packs_nothing(crops):
    broken = damage(crops / '0' / '0.png')
    item = build(crops, pipeline=PIPELINE[:1])[0]
    assert item['unreadable'] == broken
    assert item['pid'] == 0
    assert 'unreadable' not in build(crops, pipeline=PIPELINE[:1])[1]


@pytest.mark.parametrize('serialize_data', [True, False])
def test_a_part_draws_from_itself(crops, serialize_data):
    damage(crops / '0' / '0.png')
    part = build(crops, indices=[0, 4, 7], serialize_data=serialize_data)
    part_of_part = part.get_subset([2, 0, 1])
    for _ in range(10):
        assert part[0]['data_samples'].img_path == str(crops / '0' / '4.png')
        assert part_of_part[1]['data_samples'].img_path == str(crops / '0' / '4.png')


@pytest.mark.parametrize('workers', [0, 2])
def test_the_files_are_reported_to_the_main_process(crops, workers):
    broken = damage(crops / '0' / '0.png', crops / '1' / '5.png')
    loader = DataLoader(build(crops), 4, num_workers=workers, collate_fn=list)
    reported = {
        sample['data_samples'].get('unreadable', ())[:1] for batch in loader for sample in batch
    }
    assert reported == {(), *((path,) for path in broken)}


def test_members_of_a_joined_set_are_kept_apart(crops, tmp_path_factory):
    other = tmp_path_factory.mktemp('other')
    for image in range(IMAGES):
        write_image(other / '0' / f'{image}.png', 3, (4, 2))
    broken = damage(other / '0' / '1.png')
    members = [
        dict(type='ReIDDataset', data_root=str(root), name=name)
        for root, name in ((crops, 'crops'), (other, 'other'))
    ]
    joined = JoinedDataset(members, pipeline=PIPELINE, on_unreadable='redraw')
    first = 2 * IMAGES
    for _ in range(10):
        sample = joined[first + 1]['data_samples']
        assert (sample.label, sample.dataset, sample.unreadable) == (2, 'other', broken)
        assert sample.sample_idx in {first, *range(first + 2, first + IMAGES)}
    damage(*(other / '0' / f'{image}.png' for image in range(IMAGES)))
    with pytest.raises(DatasetError, match='other: none of the 6 images'):
        joined[first + 1]


@pytest.mark.parametrize('split', ['test', 'query', 'gallery'])
def test_an_evaluation_leaves_nothing_out(crops, split):
    with pytest.raises(ConfigError, match=f"on_unreadable='redraw' .*'{split}'"):
        build(crops, split=split)


def test_unknown_policy(crops):
    with pytest.raises(ConfigError, match="on_unreadable='skip'"):
        build(crops, on_unreadable='skip')


class Entries:
    """A dataset of labels alone."""

    name = 'Entries'

    def __init__(self, labels):
        self.labels = np.array(labels)
        self.id_names = IdNames()

    def get_data_info(self, index):
        return {'img_path': f'{index}.jpg', 'pid': int(self.labels[index])}


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=30))
def test_whatever_is_broken(images):
    labels, broken = zip(*images, strict=True)
    dataset = Entries(labels)

    def load(index):
        if broken[index]:
            raise DatasetError(f'{index}.jpg')
        return {'index': index}

    for index, label in enumerate(labels):
        same = {i for i, other in enumerate(labels) if other == label}
        if all(broken[i] for i in same):
            with pytest.raises(DatasetError, match=f'none of the {len(same)} images'):
                load_or_redraw(dataset, load, index)
            continue
        item = load_or_redraw(dataset, load, index)
        passed_over = [int(path.removesuffix('.jpg')) for path in item.get('unreadable', ())]
        assert item['index'] in same
        assert not broken[item['index']]
        assert all(broken[i] and i in same for i in passed_over)
        assert len(set(passed_over)) == len(passed_over)
        assert passed_over[:1] == ([index] if broken[index] else [])
