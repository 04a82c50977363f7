from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from msvitreid.datasets import MSMT17, Cars196, ImageRecord, Market1501, ReIDDataset
from msvitreid.datasets import listing_cache as module
from msvitreid.datasets.file_states import file_state, note_read, noting_reads
from msvitreid.errors import DatasetError

from ..miniature import WRITERS, TreeShape, write_cars196, write_market1501, write_msmt17
from .test_layouts import DATASETS

SMALL = TreeShape(2, 2, 2, image_size=(4, 2))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of listings, empty."""
    monkeypatch.setenv('MSVITREID_CACHE_DIR', str(tmp_path / 'cache'))
    return tmp_path / 'cache' / 'listings'


@pytest.fixture
def market(tmp_path, cache):
    """A miniature Market-1501 that has not changed for a while."""
    write_market1501(tmp_path / 'data', SMALL)
    settle(tmp_path / 'data')
    return tmp_path / 'data' / 'Market-1501-v15.09.15'


def settle(root):
    """Set all times back by a minute, as if nothing had changed since."""
    for path in (root, *root.rglob('*')):
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 60 * 10**9))


def paths(dataset):
    return [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]


def listed(build):
    """Whether building a dataset lists files, and what it holds."""
    count = 0
    scandir = os.scandir

    def counting(path):
        nonlocal count
        count += 'bounding_box' in str(path) or 'query' in str(path)
        return scandir(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'scandir', counting)
        dataset = build()
    return count > 0, paths(dataset)


def build(root, **options):
    # Not serialised: mmengine collects all garbage when it does that.
    return Market1501(str(root), on_count_mismatch='ignore', serialize_data=False, **options)


def test_a_second_run_lists_nothing(market, cache):
    first, second = (listed(lambda: build(market)) for _ in range(2))
    assert first == (True, second[1])
    assert not second[0]
    (file,) = cache.iterdir()
    assert file.name.startswith('Market1501-')
    assert json.loads(file.read_text())['key']['dataset'].endswith('market_style.Market1501')


@pytest.mark.parametrize('change', ['add', 'remove', 'rename'])
def test_a_changed_folder_is_listed_again(change, market):
    _, before = listed(lambda: build(market))
    image = Path(before[0])
    if change == 'remove':
        image.unlink()
    elif change == 'rename':
        image.rename(image.with_name('0002_c5s5_000001_01.jpg'))
    else:
        (image.parent / '0002_c5s5_000001_01.jpg').touch()
    was_listed, after = listed(lambda: build(market))
    assert was_listed
    new = str(image.with_name('0002_c5s5_000001_01.jpg'))
    gone = {'remove': {before[0]}, 'rename': {before[0]}, 'add': set()}[change]
    come = {'remove': set(), 'rename': {new}, 'add': {new}}[change]
    assert set(after) == set(before) - gone | come


def test_what_appears_in_the_root_may_matter(market):
    build(market)
    assert not listed(lambda: build(market))[0]
    (market / 'list_train.txt').touch()
    assert listed(lambda: build(market))[0]


def test_a_changed_list_is_read_again(tmp_path, cache):
    write_msmt17(tmp_path / 'data', SMALL)
    settle(tmp_path / 'data')
    before = paths(MSMT17(str(tmp_path / 'data'), on_count_mismatch='ignore'))
    assert len(list(cache.iterdir())) == 1
    (listing,) = (tmp_path / 'data').rglob('list_train.txt')
    first, *others = listing.read_text().splitlines(keepends=True)
    listing.write_text(''.join(others))
    after = paths(MSMT17(str(tmp_path / 'data'), on_count_mismatch='ignore'))
    assert len(after) == len(before) - 1
    assert not any(path.endswith(first.split()[0]) for path in after)


def test_a_changed_annotation_file_is_read_again(tmp_path, cache):
    larger = TreeShape(3, 2, 2, image_size=(4, 2))
    after = write_cars196(tmp_path / 'data', larger)
    (annotations,) = (tmp_path / 'data').rglob('cars_annos.mat')
    wanted = annotations.read_bytes()
    before = write_cars196(tmp_path / 'data', SMALL)
    settle(tmp_path / 'data')
    for table in (before, after):
        dataset = Cars196(str(tmp_path / 'data'), on_count_mismatch='ignore')
        assert paths(dataset) == sorted(row.img_path for row in table['train'])
        # The file alone: its folder does not change when it is written over.
        annotations.write_bytes(wanted)


@pytest.mark.parametrize('name', WRITERS)
def test_every_dataset_is_the_same_from_the_cache(name, tmp_path, cache):
    table = WRITERS[name](tmp_path / 'data', SMALL)
    settle(tmp_path / 'data')
    kind, options, _ = DATASETS[name]
    splits = ['train', 'test'] if 'train' in table else ['test']
    for split in splits:
        first, second = (
            kind(
                str(tmp_path / 'data'),
                split,
                on_count_mismatch='ignore',
                serialize_data=False,
                **options,
            )
            for _ in range(2)
        )
        assert len(first) == len(second)
        for index in range(len(first)):
            assert first.get_data_info(index) == second.get_data_info(index)
        assert first.metainfo == second.metainfo
    assert len(list(cache.iterdir())) == len(splits)


def test_other_options_have_other_listings(market, cache, tmp_path):
    train, test = paths(build(market)), paths(build(market, split='test'))
    assert not set(train) & set(test)
    assert paths(build(market)) == train
    assert paths(build(market, split='test')) == test

    (tmp_path / 'own.csv').write_text('path,pid\na,1\n')
    (tmp_path / 'other.csv').write_text('path,pid\nb,1\n')
    settle(tmp_path)
    for _ in range(2):
        for name, path in (('own', 'a'), ('other', 'b')):
            dataset = ReIDDataset(str(tmp_path), csv=f'{name}.csv')
            assert paths(dataset) == [str(tmp_path / path)]


def test_options_without_a_part_in_the_listing_share_it(market, cache):
    build(market)
    Market1501(str(market), on_count_mismatch='warn', pipeline=[dict(type='LoadImage')])
    assert len(list(cache.iterdir())) == 1


def test_counts_are_checked_on_a_hit(market):
    build(market)
    with pytest.raises(DatasetError, match=r'expected 12,936'):
        Market1501(str(market))


@pytest.mark.parametrize(
    'damage',
    [
        lambda text: '',
        lambda text: text[: len(text) // 2],
        lambda text: '[]',
        lambda text: 'null',
        lambda text: '[' * 100_000,
        lambda text: '\ud800',
        lambda text: json.dumps({**json.loads(text), 'key': {}}),
        lambda text: json.dumps({**json.loads(text), 'states': []}),
        lambda text: json.dumps({**json.loads(text), 'states': {'/': 5}}),
        lambda text: json.dumps({**json.loads(text), 'splits': {'train': [[], []]}}),
        lambda text: json.dumps({**json.loads(text), 'splits': {'train': [['a'], [1], []]}}),
        lambda text: json.dumps({**json.loads(text), 'splits': {'train': [['a'], ['1'], [1]]}}),
        lambda text: json.dumps({**json.loads(text), 'splits': {'train': [[0], [1], [1]]}}),
        lambda text: json.dumps({**json.loads(text), 'splits': {'train': [5, 5, 5]}}),
    ],
)
def test_a_damaged_file_is_passed_over_and_replaced(damage, market, cache):
    _, wanted = listed(lambda: build(market))
    (file,) = cache.iterdir()
    kept = file.read_text()
    file.write_text(damage(kept), errors='surrogatepass')
    assert listed(lambda: build(market)) == (True, wanted)
    assert file.read_text() == kept


def test_a_folder_that_just_changed_is_not_trusted(tmp_path, cache):
    write_market1501(tmp_path / 'data', SMALL)
    build(tmp_path / 'data')
    assert not cache.exists()


def test_a_time_to_come_is_not_trusted(market, cache):
    os.utime(market / 'bounding_box_train', (time.time() + 3600,) * 2)
    build(market)
    assert not cache.exists()


def test_a_change_while_reading_is_not_missed(market, monkeypatch):
    scandir = os.scandir

    def late_arrival(path):
        found = scandir(path)
        if str(path).endswith('bounding_box_train'):
            found = list(found)
            (market / 'bounding_box_train' / '0002_c5s5_000001_01.jpg').touch()
        return _Closing(found)

    with monkeypatch.context() as patch:
        patch.setattr(os, 'scandir', late_arrival)
        before = build(market)
    assert len(build(market)) == len(before) + 1


class _Closing(list):
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_it_can_be_switched_off(market, cache, monkeypatch):
    build(market, listing_cache=False)
    assert not cache.exists()
    build(market)
    assert listed(lambda: build(market, listing_cache=False))[0]
    monkeypatch.setenv('MSVITREID_CACHE_DIR', '')
    assert listed(lambda: build(market))[0]


def test_it_lies_in_the_home_by_default(market, tmp_path, monkeypatch):
    monkeypatch.delenv('MSVITREID_CACHE_DIR')
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    build(market)
    assert len(list((tmp_path / 'home/.cache/msvitreid/listings').iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_no_matter(market, tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('MSVITREID_CACHE_DIR', str(tmp_path / 'file'))
    logged = []
    monkeypatch.setattr(
        module, 'print_log', lambda text, _, level: logged.append((level, text))
    )
    assert len(build(market)) > 0
    ((level, text),) = logged
    assert level == logging.DEBUG
    assert 'is not kept' in text


def test_a_failed_write_leaves_nothing(market, cache, monkeypatch):
    monkeypatch.setattr(os, 'replace', lambda *_: (_ for _ in ()).throw(OSError('full')))
    build(market)
    assert list(cache.iterdir()) == []


def test_layouts_of_others_are_not_cached(market, cache):
    class Foreign(Market1501):
        def read_split(self, root, split):
            return [ImageRecord(os.listdir(root)[0], 1, 1)]

    class Renamed(Market1501):
        folder_names = ('other',)

    Foreign(str(market), on_count_mismatch='ignore')
    assert not cache.exists()
    Renamed(str(market), on_count_mismatch='ignore')
    assert len(list(cache.iterdir())) == 1


def test_other_code_is_another_listing(market, cache, monkeypatch):
    build(market)
    assert not listed(lambda: build(market))[0]
    monkeypatch.setattr(module, 'file_state', lambda path: (0, 0))
    assert listed(lambda: build(market))[0]
    # It takes the older one's place.
    assert len(list(cache.iterdir())) == 1


def test_names_that_are_not_utf8_come_back(market):
    name = os.fsdecode(b'0002_c1s1_\xff.jpg')
    (market / 'bounding_box_train' / name).touch()
    settle(market)
    first, second = (listed(lambda: build(market)) for _ in range(2))
    assert not second[0]
    assert second[1] == first[1]
    assert any(path.endswith(name) for path in second[1])


def _build_at_once(root, barrier, results):
    barrier.wait()
    results.put([paths(build(root)) for _ in range(3)])


def test_several_processes_at_once(market, cache):
    context = multiprocessing.get_context('fork')
    barrier, results = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=_build_at_once, args=(market, barrier, results))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    found = [entries for _ in workers for entries in results.get(timeout=60)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert all(entries == found[0] for entries in found)
    (file,) = cache.iterdir()
    assert listed(lambda: build(market)) == (False, found[0])
    assert stat.S_ISREG(file.stat().st_mode)


class TestFileStates:
    def test_notes_the_state_before_the_reading(self, tmp_path):
        (tmp_path / 'a').write_text('x')
        with noting_reads() as noted:
            note_read(tmp_path / 'a')
            note_read(tmp_path / 'no')
            (tmp_path / 'a').write_text('longer')
            note_read(tmp_path / 'a')
        assert noted[str(tmp_path / 'a')][1] == 1
        assert noted[str(tmp_path / 'no')] is None
        assert file_state(tmp_path / 'a')[1] == 6

    def test_notes_nothing_outside_of_a_block(self, tmp_path):
        with noting_reads() as noted:
            pass
        note_read(tmp_path)
        assert noted == {}
