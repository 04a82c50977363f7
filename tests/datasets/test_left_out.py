from __future__ import annotations

import os

import pytest

from msvitreid.datasets import JoinedDataset, LoadImage, Market1501, ReIDDataset, VeRi776
from msvitreid.datasets.inspection import left_out_findings, read_contents
from msvitreid.datasets.left_out import DEEPER, LOOSE, LeftOut
from msvitreid.datasets.readers.image_kinds import IMAGE_SUFFIXES, advice
from msvitreid.errors import DatasetError
from tests.miniature.tree import write_clutter


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def build(kind, root, split='train', **options):
    options = {'on_count_mismatch': 'ignore', **options}
    return kind(str(root), split=split, **options)


def counts(dataset):
    return {what: len(paths) for what, paths in dataset.left_out.items()}


@pytest.mark.parametrize(
    'suffix', ['webp', 'gif', 'jfif', 'pgm', 'ppm', 'PGM', 'tiff', 'bmp', 'JPG', 'Jpeg']
)
def test_half_a_dataset_of_another_kind_is_read(suffix, tmp_path):
    """Kinds: what the loader decodes is listed; half of a dataset vanished without a word."""
    for number in range(10):
        write(tmp_path, f'train/anna/{number}.jpg', f'train/anna/{number}.{suffix}')
    dataset = build(ReIDDataset, tmp_path)
    assert len(dataset) == 20
    assert counts(dataset) == {}


def test_three_hundred_pgm_files_are_a_dataset(tmp_path):
    """Kinds: the classic sets of faces were 'no images were found'."""
    write(tmp_path, *(f's{identity}/{n}.pgm' for identity in range(30) for n in range(10)))
    assert len(build(ReIDDataset, tmp_path)) == 300


def test_what_is_not_read_is_counted_in_identity_folders(tmp_path):
    """What is not listed is said: kinds, deeper folders, and images next to the identities."""
    write(tmp_path, 'train/anna/1.jpg', 'train/anna/night/2.jpg', 'train/anna/night/far/3.png')
    write(tmp_path, 'train/anna/4.cr2', 'train/anna/5.CR2', 'train/loose.jpg', 'train/anna/6')
    write(tmp_path, 'train/anna/labels.json', 'train/anna/README', 'train/@eaDir/1.jpg/x.jpg')
    write_clutter(tmp_path / 'train' / 'anna')
    write_clutter(tmp_path / 'train')
    dataset = build(ReIDDataset, tmp_path)
    assert len(dataset) == 1
    assert counts(dataset) == {
        '.cr2 files': 2,
        'files without a suffix': 1,
        DEEPER: 2,
        LOOSE: 1,
    }
    assert f'2 .cr2 files (as {tmp_path}/train/anna/4.cr2)' in str(dataset.left_out)
    assert f'1 file without a suffix (as {tmp_path}/train/anna/6)' in str(dataset.left_out)


@pytest.mark.parametrize(
    ('kind', 'folder'), [(Market1501, 'bounding_box_train'), (VeRi776, 'image_train')]
)
def test_what_is_not_read_is_counted_in_published_layouts(kind, folder, tmp_path):
    write(tmp_path, f'{folder}/0002_c1s1_000001_00.jpg', f'{folder}/0002_c1s1_000002_00.jp2')
    write(tmp_path, f'{folder}/more/0002_c1s1_000003_00.jpg')
    assert counts(build(kind, tmp_path)) == {'.jp2 files': 1, DEEPER: 1}


def test_a_joined_set_has_what_its_members_leave_out(tmp_path):
    write(tmp_path, 'a/anna/1.jpg', 'a/anna/2.psd', 'b/bert/1.jpg', 'b/bert/2.psd')
    members = [
        dict(type='ReIDDataset', data_root=str(tmp_path / name), name=name) for name in 'ab'
    ]
    assert counts(JoinedDataset(members)) == {'.psd files': 2}


def test_an_empty_split_says_what_is_there_instead(tmp_path):
    write(tmp_path, *(f'train/anna/{number}.jp2' for number in range(7)))
    with pytest.raises(DatasetError, match=r"'train' is empty.* 7 \.jp2 files"):
        build(ReIDDataset, tmp_path)
    write(tmp_path, 'other/group/anna/1.jpg')
    with pytest.raises(DatasetError, match='1 image in deeper folders'):
        build(ReIDDataset, tmp_path / 'other')


def test_links_below_an_identity_are_not_followed(tmp_path):
    write(tmp_path, 'anna/1.jpg')
    os.symlink(tmp_path, tmp_path / 'anna' / 'loop')
    assert counts(build(ReIDDataset, tmp_path)) == {}


def test_a_link_to_itself_is_a_missing_image(tmp_path):
    """The class: a file that ends the listing of all others in a traceback."""
    write(tmp_path, 'anna/1.jpg')
    for name in ('anna/2.jpg', 'anna/3.psd', 'bert'):
        os.symlink(os.path.basename(name), tmp_path / name)
    dataset = build(ReIDDataset, tmp_path)
    assert len(dataset) == 2
    assert counts(dataset) == {'.psd files': 1}
    with pytest.raises(DatasetError, match=r'2\.jpg'):
        LoadImage()(dataset.get_data_info(1))


def test_reading_again_does_not_count_twice(tmp_path):
    write(tmp_path, 'anna/1.jpg', 'anna/2.psd')
    dataset = build(ReIDDataset, tmp_path)
    dataset.load_data_list()
    assert counts(dataset) == {'.psd files': 1}


def test_the_checker_calls_it_a_fault(tmp_path):
    write(tmp_path, 'train/anna/1.jpg', 'train/anna/2.psd', 'query/b/1.jpg', 'gallery/b/2.jpg')
    write(tmp_path, 'query/b/x/1.jpg')
    given = dict(type='ReIDDataset', data_root=str(tmp_path))
    (contents,) = read_contents([{**given, 'split': split} for split in ('train', 'test')])
    found = left_out_findings(contents)
    assert [(f.kind, f.is_fault, len(f.items)) for f in found] == [('left_out', True, 1)] * 2
    assert [f.items[0].paths[0] for f in found] == [
        f'{tmp_path}/train/anna/2.psd',
        f'{tmp_path}/query/b/x/1.jpg',
    ]


def test_merging_keeps_each_path_once():
    one, other = LeftOut(a=['/2']), LeftOut(a=['/1', '/2'], b=['/3'])
    one.merge(other)
    assert one == {'a': ['/1', '/2'], 'b': ['/3']}


def test_what_to_do_about_a_kind():
    assert '.png' in advice('.psd')
    if '.heic' not in IMAGE_SUFFIXES:
        assert advice('.heic') == "pip install 'msvitreid[heif]'"


def test_names_are_on_one_line():
    """Line breaks and control characters of file names, in a log."""
    left_out = LeftOut({'.ra\nw files': ['/x/a\x1b[31m.ra\nw', '/x/b.ra\nw']})
    assert str(left_out) == r'2 .ra\nw files (as /x/a\x1b[31m.ra\nw)'
