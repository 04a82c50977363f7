"""Every layout, read from a miniature tree with its traps, equals what the writer says."""

from __future__ import annotations

import contextlib
import os
import random
import shutil

import numpy as np
import pytest
from mmengine.dataset import Compose
from scipy.io import savemat

from msvitreid.datasets import CUHK03NP, MSMT17, LoadImage
from msvitreid.errors import ConfigError, DatasetError
from tests.miniature import WRITERS, TreeShape, write_cars196, write_cub200, write_msmt17

from .published import DATASETS, assert_equals_table, build, entries, rows

# Their splits are lists, which may be emptied though the images are there.
LISTED = {'msmt17', 'car196', 'cub200', 'vehicleid', 'sop', 'inshop'}


@pytest.mark.parametrize('name', WRITERS)
def test_entries_equal_the_table_whatever_the_listing_order(name, tmp_path, monkeypatch):
    table = WRITERS[name](tmp_path)
    scandir = os.scandir

    @contextlib.contextmanager
    def shuffled(path):
        with scandir(path) as listing:
            listed = list(listing)
        random.Random(7).shuffle(listed)
        yield listed

    monkeypatch.setattr(os, 'scandir', shuffled)
    assert_equals_table(lambda split: build(name, tmp_path, split=split), table)


@pytest.mark.parametrize('name', WRITERS)
def test_own_folder_may_be_given_under_any_name(name, tmp_path):
    table = WRITERS[name](tmp_path)
    own_folder = tmp_path / DATASETS[name][2]
    query = build(name, own_folder, split='query')
    assert rows(query, 'query') == sorted(table['query'])
    renamed = tmp_path / 'renamed'
    shutil.move(own_folder, renamed)
    assert len(build(name, renamed, split='query')) == len(table['query'])


@pytest.mark.parametrize('name', WRITERS)
def test_every_image_can_be_decoded(name, tmp_path):
    table = WRITERS[name](tmp_path, TreeShape(2, 2, 2, image_size=(8, 6)))
    load = Compose([LoadImage()])
    for split in ('train', 'test') if 'train' in table else ('test',):
        for entry in entries(build(name, tmp_path, split=split)):
            assert load(entry)['img'].shape == (8, 6, 3)


@pytest.mark.parametrize('name', WRITERS)
def test_counts_of_a_miniature_are_not_the_published_ones(name, tmp_path):
    table = WRITERS[name](tmp_path, TreeShape(2, 2, 2))
    dataset_type, options, _ = DATASETS[name]
    split = 'train' if 'train' in table else 'query'
    if name in ('p_dukemtmc', 'university1652', 'partial_reid'):  # all uncertain: a warning
        dataset = dataset_type(str(tmp_path), split=split, **options)
        assert len(dataset) == len(table[split])
    else:
        with pytest.raises(DatasetError, match=rf'{split} has .*\(expected'):
            dataset_type(str(tmp_path), split=split, **options)


@pytest.mark.parametrize('name', sorted(set(WRITERS) - LISTED))
def test_split_whose_folder_was_emptied_is_named(name, tmp_path):
    table = WRITERS[name](tmp_path)
    for row in table['query']:
        os.remove(row.img_path)
    with pytest.raises(DatasetError, match="split 'query' is empty"):
        build(name, tmp_path, split='test')


class TestMarketStyle:
    @pytest.mark.parametrize(
        'bad', ['c1s1_000451.jpg', '0002_s1.jpg', 'x0002_c1.jpg', '2c1.png']
    )
    def test_name_without_pid_or_camera_is_named(self, bad, tmp_path):
        WRITERS['market1501'](tmp_path)
        folder = tmp_path / 'Market-1501-v15.09.15' / 'query'
        (folder / bad).touch()
        with pytest.raises(DatasetError, match=rf'query/{bad}: .*<pid>_c<camera>'):
            build('market1501', tmp_path, split='query')

    def test_missing_folder_is_named(self, tmp_path):
        WRITERS['market1501'](tmp_path)
        shutil.rmtree(tmp_path / 'Market-1501-v15.09.15' / 'query')
        with pytest.raises(DatasetError, match=r'Market-1501-v15\.09\.15/query: .*missing'):
            build('market1501', tmp_path, split='test')

    def test_split_of_junk_alone_is_empty(self, tmp_path):
        query = tmp_path / 'market1501' / 'query'
        query.mkdir(parents=True)
        (tmp_path / 'market1501' / 'bounding_box_test').mkdir()
        (query / '-1_c1s1_000401_03.jpg').touch()
        with pytest.raises(DatasetError, match="split 'query' is empty"):
            build('market1501', tmp_path, split='query')

    @pytest.mark.parametrize('folder', ['cuhk03-np', 'cuhk03-np/labeled'])
    def test_cuhk_variants_are_not_mixed_up(self, folder, tmp_path):
        table = WRITERS['nplabeled'](tmp_path)
        labeled = build('nplabeled', tmp_path / folder)
        assert rows(labeled, 'train') == sorted(table['train'])
        with pytest.raises(DatasetError, match='CUHK03NP detected'):
            build('npdetected', tmp_path / folder)

    def test_unknown_cuhk_variant_is_named(self, tmp_path):
        with pytest.raises(ConfigError, match="CUHK03NP: variant='drawn' is not one of"):
            CUHK03NP(str(tmp_path), variant='drawn')


class TestMSMT17:
    @pytest.mark.parametrize(
        ('form', 'version'), [('V1', 'V1'), ('V2', 'V2'), ('market', 'Market layout')]
    )
    def test_every_form(self, form, version, tmp_path):
        table = write_msmt17(tmp_path, TreeShape(images=16), form=form)
        assert {row.camid for row in table['gallery']} >= {1, 10, 15}
        assert_equals_table(lambda split: build('msmt17', tmp_path, split=split), table)
        dataset = build('msmt17', tmp_path)
        assert dataset.metainfo['version'] == version
        assert dataset.name == f'MSMT17 {version}'

    def test_release_nested_in_a_folder(self, tmp_path):
        table = write_msmt17(tmp_path / 'msmt17', form='V2')
        assert rows(build('msmt17', tmp_path), 'train') == sorted(table['train'])

    def test_without_val(self, tmp_path):
        table = write_msmt17(tmp_path, form='V2')
        kept = [row for row in table['train'] if row.camid != 15]  # the val images
        assert 0 < len(kept) < len(table['train'])
        assert rows(build('msmt17', tmp_path, include_val=False), 'train') == sorted(kept)
        with pytest.raises(DatasetError, match=r'\(expected 30,248\)'):
            MSMT17(str(tmp_path), include_val=False)

    def test_market_form_cannot_leave_val_out(self, tmp_path):
        write_msmt17(tmp_path, form='market')
        with pytest.raises(ConfigError, match='include_val=False'):
            build('msmt17', tmp_path, include_val=False)
        assert len(build('msmt17', tmp_path, include_val=False, split='query')) == 3

    @pytest.mark.parametrize(
        'line', ['0000/0000_000_01_x.jpg', '0000/0000_000.jpg 0', '0000/a_b_c_d.jpg 0', 'a b c']
    )
    def test_bad_line_is_named(self, line, tmp_path):
        write_msmt17(tmp_path)
        list_file = tmp_path / 'MSMT17_V1' / 'list_query.txt'
        list_file.write_text(f'\n{line}\n')
        with pytest.raises(DatasetError, match=rf"list_query\.txt, line 2: '{line}'"):
            build('msmt17', tmp_path, split='query')

    def test_missing_parts_are_named(self, tmp_path):
        write_msmt17(tmp_path)
        (tmp_path / 'MSMT17_V1' / 'list_val.txt').unlink()
        with pytest.raises(DatasetError, match=r'list_val\.txt: .*missing'):
            build('msmt17', tmp_path)
        assert len(build('msmt17', tmp_path, include_val=False)) == 30
        shutil.rmtree(tmp_path / 'MSMT17_V1' / 'test')
        with pytest.raises(DatasetError, match=r'MSMT17_V1/test: .*missing'):
            build('msmt17', tmp_path, split='gallery')

    def test_empty_list_is_an_empty_split(self, tmp_path):
        write_msmt17(tmp_path)
        (tmp_path / 'MSMT17_V1' / 'list_gallery.txt').write_text('\n')
        with pytest.raises(DatasetError, match=r"'gallery' .*list_gallery\.txt"):
            build('msmt17', tmp_path, split='gallery')


class TestCars196:
    def test_single_row(self, tmp_path):
        table = write_cars196(tmp_path, TreeShape(1, 0, 1))
        assert rows(build('car196', tmp_path), 'train') == table['train']
        with pytest.raises(DatasetError, match="split 'query' is empty"):
            build('car196', tmp_path, split='test')

    def test_garbage_annotations_are_named(self, tmp_path):
        write_cars196(tmp_path)
        (tmp_path / 'CARS' / 'cars_annos.mat').write_bytes(b'not a MATLAB file' * 20)
        with pytest.raises(DatasetError, match=r'cars_annos\.mat: not the annotations'):
            build('car196', tmp_path)

    @pytest.mark.parametrize('label', [1.5, -1, np.nan, np.inf, '1_0', 'nan'])
    def test_a_class_that_is_no_whole_number_is_refused(self, label, tmp_path):
        """An id must not be guessed: 1.5 was class 1, and '1_0' class 10."""
        table = np.array(
            [[('a.jpg', label)]], [('relative_im_path', object), ('class', object)]
        )
        savemat(tmp_path / 'cars_annos.mat', {'annotations': table})
        with pytest.raises(DatasetError, match=r'cars_annos\.mat: .* is not a number of'):
            build('car196', tmp_path)

    def test_has_no_gallery(self, tmp_path):
        with pytest.raises(ConfigError, match="split='gallery' is not one of"):
            build('car196', tmp_path, split='gallery')


class TestCUB200:
    @pytest.mark.parametrize('name', ['images.txt', 'image_class_labels.txt'])
    def test_bad_line_is_named(self, name, tmp_path):
        write_cub200(tmp_path)
        with open(tmp_path / 'CUB_200_2011' / name, 'a') as file:
            file.write('a line of words\n')
        with pytest.raises(DatasetError, match=rf'{name}, line 55: .a line of words.'):
            build('cub200', tmp_path)

    def test_class_without_path_or_number_is_named(self, tmp_path):
        write_cub200(tmp_path)
        labels = tmp_path / 'CUB_200_2011' / 'image_class_labels.txt'
        labels.write_text('999 100\n')
        with pytest.raises(DatasetError, match=r"image '999' has a class but no path"):
            build('cub200', tmp_path)
        labels.write_text('1 first\n')
        with pytest.raises(DatasetError, match=r"line 1: '1 first'"):
            build('cub200', tmp_path)

    def test_missing_table_is_named(self, tmp_path):
        write_cub200(tmp_path)
        (tmp_path / 'CUB_200_2011' / 'images.txt').unlink()
        with pytest.raises(DatasetError, match=r'images\.txt: .*missing'):
            build('cub200', tmp_path)
