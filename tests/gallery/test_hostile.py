"""Galleries of strangers, damaged ones, and disks that are full."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3

import numpy as np
import pytest

from msvitreid.errors import GalleryError, OutputError
from msvitreid.gallery import create_gallery, open_gallery
from msvitreid.gallery.vectors import file_name

from .made import MODEL, names, unit
from .test_killed_writers import fork

D = 8


@pytest.fixture
def path(tmp_path):
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add(names(20), unit(20, D), [{'pid': number} for number in range(20)])
        gallery.remove(names(2))
    return tmp_path / 'g'


def change(path, *statements):
    connection = sqlite3.connect(path / 'gallery.sqlite')
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def use(path, readonly=True):
    with open_gallery(path, readonly=readonly) as gallery:
        gallery.search(unit(2, D), 50, where={'pid': {'>=': 0}})
        gallery.search(unit(2, D), 50)
        list(gallery.scan())
        report = gallery.verify()
        if report.problems:
            raise GalleryError(report.problems[0])


@pytest.mark.parametrize(
    'statements',
    [
        ('DROP TABLE items',),
        ('CREATE VIEW extra AS SELECT 1',),
        ('CREATE TRIGGER t AFTER UPDATE ON state BEGIN DELETE FROM items; END',),
        ('DELETE FROM state',),
        ('INSERT INTO state SELECT * FROM state',),
        ('UPDATE state SET format = 2',),
        ('UPDATE state SET dimension = 1000000000000',),
        ("UPDATE state SET dimension = 'many'",),
        ('UPDATE state SET dimension = 4096',),
        ('UPDATE state SET rows = 1000000000000',),
        ('UPDATE state SET rows = -1',),
        ("UPDATE state SET file = '../../x'",),
        ('UPDATE state SET file = 7',),
        ("UPDATE state SET precision = 'pickle'",),
        ("UPDATE state SET fingerprint = x'00'",),
        ("UPDATE items SET metadata = '[]'",),
        (f"UPDATE items SET metadata = '{'[' * 900 + ']' * 900}'",),
        ('UPDATE items SET metadata = \'{"a": [1e999]}\'',),
        ('UPDATE items SET metadata = \'{"a": -1e999}\'',),
        # Half of a surrogate pair, as a value and as a name: no text.
        (r"""UPDATE items SET metadata = '{"a": "\ud800"}' """,),
        (r"""UPDATE items SET metadata = '{"\uDFFF": 1}' """,),
        (f"""UPDATE items SET metadata = '{{"a": {'[' * 300 + ']' * 300}}}' """,),
        ("UPDATE items SET hash = x'00ff' WHERE slot = 3",),
        ('UPDATE items SET slot = slot + 1000000',),
        ('UPDATE items SET slot = slot - 1000000',),
        ('DELETE FROM items WHERE slot = 3',),
        ('DELETE FROM tombstones',),
        ('INSERT INTO tombstones VALUES (4)',),
        ('INSERT INTO tombstones VALUES (1000000000000)',),
        ('DELETE FROM batches',),
        ('UPDATE batches SET crc = 0',),
        ('UPDATE batches SET rows = 1000000000000',),
        ('UPDATE batches SET rows = 0',),
        ("UPDATE batches SET rows = 'x'",),
        ('UPDATE batches SET rows = 1.5',),
        ('CREATE TABLE other (a)',),
        ('ANALYZE',),
    ],
)
def test_what_is_wrong_in_the_database_is_a_sentence(path, statements):
    change(path, *statements)
    with pytest.raises(GalleryError):
        use(path)


INDEX = dict(kind="'hnsw'", number=1, file=1, rows=20, recall=0.9, sample=5, sha256="'00'")


@pytest.mark.parametrize(
    'column', [dict(recall="'x'"), dict(number="'x'"), dict(rows="'x'"), dict(number=-1)]
)
def test_an_index_of_which_nonsense_is_recorded(path, column):
    values = ', '.join(str(one) for one in {**INDEX, **column}.values())
    change(path, f'INSERT INTO approximate VALUES ({values})')
    with open_gallery(path) as gallery, pytest.raises(GalleryError, match='index'):
        gallery.search(unit(1, D), recall=0.5)


@pytest.mark.parametrize('kind', ['trigger', 'view'])
def test_what_is_called_as_parts_of_sqlite_are_is_no_part_of_a_gallery(path, kind):
    """Class of faults: names that a check passes over, though anybody can give them."""
    sql = {
        'trigger': 'CREATE TRIGGER sqlite_x AFTER UPDATE ON state BEGIN DELETE FROM items; END',
        'view': 'CREATE VIEW sqlite_x AS SELECT 1',
    }[kind]
    table = {'trigger': 'state', 'view': 'sqlite_x'}[kind]
    row = f"('{kind}', 'sqlite_x', '{table}', 0, '{sql}')"
    change(path, 'PRAGMA writable_schema = ON', f'INSERT INTO sqlite_schema VALUES {row}')
    for readonly in (True, False):
        with pytest.raises(GalleryError, match='tables'):
            open_gallery(path, readonly)


@pytest.mark.parametrize('readonly', [True, False])
def test_a_rollback_journal_deletes_no_file(path, tmp_path, readonly):
    """SQLite deletes the file that a journal names as the journal of a larger transaction."""
    victim = tmp_path / 'victim'
    victim.write_bytes(b'precious\0')
    content = (path / 'gallery.sqlite').read_bytes()
    page = int.from_bytes(content[16:18], 'big')
    magic, name = bytes.fromhex('d9d505f920a163d7'), str(victim).encode()
    numbers = (0, 7, len(content) // page, 512, page)
    head = magic + b''.join(one.to_bytes(4, 'big') for one in numbers)
    tail = (2**30 // page + 1).to_bytes(4, 'big') + name
    tail += len(name).to_bytes(4, 'big') + sum(name).to_bytes(4, 'big') + magic
    write(path, 'gallery.sqlite-journal', head.ljust(512, b'\0') + tail)
    with pytest.raises(GalleryError, match='journal'):
        open_gallery(path, readonly)
    assert victim.exists()


@pytest.mark.parametrize('dead', [False, True])
def test_rows_that_only_a_sparse_file_has(path, dead):
    """Memory is taken by the size of what cannot be claimed: 2**36 rows in a file of 9 kB."""
    change(path, 'UPDATE state SET dimension = 1, rows = 68719476736')
    change(path, *['DELETE FROM tombstones'] * (not dead))
    os.truncate(path / file_name(1), 2**38)
    with pytest.raises(GalleryError, match=r'68,719,476,736 vectors only \d+'):
        open_gallery(path, readonly=True)


def test_a_file_that_cannot_be_mapped(path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(np, 'memmap', fail)
    with pytest.raises(GalleryError, match=r'vectors-000001\.bin.*memory'):
        open_gallery(path, readonly=True)


def write(path, name, content):
    (path / name).write_bytes(content)


def patch(path, old, new):
    content = (path / 'gallery.sqlite').read_bytes()
    assert old in content
    write(path, 'gallery.sqlite', content.replace(old, new))


@pytest.mark.parametrize(
    'damage',
    [
        lambda path: write(path, 'gallery.sqlite', b''),
        lambda path: write(path, 'gallery.sqlite', b'no database' * 1000),
        lambda path: os.truncate(path / 'gallery.sqlite', 5000),
        lambda path: patch(path, b'{"pid": 5}', b'{"pid": 5 '),
        lambda path: patch(path, b'image-00005', b'image-\xff0005'),
        lambda path: patch(path, b'CREATE TABLE batches', b'CREATE TABLE \xc7atches'),
        lambda path: (path / 'gallery.sqlite').unlink(),
        lambda path: os.truncate(path / file_name(1), 100),
        lambda path: (path / file_name(1)).unlink(),
        lambda path: write(path, file_name(1), b'\xff' * (20 * D * 4)),
        lambda path: write(path, file_name(1), unit(20, D, seed=5).tobytes()),
        lambda path: (path / 'folder').mkdir(),
        lambda path: os.mkfifo(path / 'pipe'),
        lambda path: write(path, 'stranger.txt', b''),
    ],
)
@pytest.mark.parametrize('readonly', [True, False])
def test_damaged_files_are_a_sentence(path, damage, readonly):
    damage(path)
    with pytest.raises(GalleryError):
        use(path, readonly)


@pytest.mark.parametrize(
    'name', ['gallery.sqlite', file_name(1), 'run.lock', 'gallery.sqlite-wal', 'other']
)
def test_links_out_of_the_folder_are_refused_and_not_written(path, tmp_path, name):
    outside = tmp_path / 'outside'
    outside.write_bytes(b'precious')
    (path / name).unlink(missing_ok=True)
    (path / name).symlink_to(outside)
    for readonly in (True, False):
        with pytest.raises(GalleryError, match='no plain file'):
            open_gallery(path, readonly=readonly)
    assert outside.read_bytes() == b'precious'


def test_leftovers_of_a_killed_writer_are_removed(path, tmp_path):
    (path / '.vectors-000002.bin.host.1.aa.tmp').write_bytes(b'x')
    (path / file_name(9)).write_bytes(b'x')
    (path / 'notes.txt').write_bytes(b'mine')
    with open(path / file_name(1), 'ab') as file:
        file.write(b'half a vector')
    with open_gallery(path, readonly=True) as reader:
        assert reader.count() == 18
        assert (path / file_name(9)).exists()
    with open_gallery(path) as gallery:
        assert gallery.verify().problems == ["'notes.txt' is no file of this gallery"]
    assert (path / file_name(1)).stat().st_size == 20 * D * 4
    assert not (path / file_name(9)).exists()
    assert (path / 'notes.txt').read_bytes() == b'mine'


class Full:
    """What is written below a folder fails, after a while."""

    def __init__(self, monkeypatch, name):
        real = os.fsync

        def fail(handle):
            target = os.readlink(f'/proc/self/fd/{handle}')
            if name in target:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(handle)

        monkeypatch.setattr(os, 'fsync', fail)


def test_a_full_disk_leaves_the_state_before(path, monkeypatch):
    with open_gallery(path) as gallery:
        before = gallery.search(unit(2, D), 50)
        with monkeypatch.context() as patch:
            Full(patch, 'vectors-')
            for write_items in (
                lambda: gallery.add(['new'], unit(1, D, 3)),
                lambda: gallery.update(names(1, start=5), unit(1, D, 3)),
                gallery.compact,
            ):
                with pytest.raises(OutputError, match='vectors-'):
                    write_items()
        assert gallery.search(unit(2, D), 50).ids == before.ids
        assert gallery.verify().problems == []
        assert (path / file_name(1)).stat().st_size == 20 * D * 4
        assert {file.name for file in path.glob('*vectors*')} == {file_name(1)}
        gallery.add(['new'], unit(1, D, 3))
        assert gallery.search(unit(1, D, 3), 1).ids == [['new']]


def test_a_database_that_cannot_grow_leaves_the_state_before(path):
    with open_gallery(path) as gallery:
        pages = gallery._session.database.execute('PRAGMA page_count').fetchone()[0]
        gallery._session.database.execute(f'PRAGMA max_page_count = {pages}')
        with pytest.raises(OutputError, match='space'):
            gallery.add(names(5000, start=100), unit(5000, D))
        assert gallery.count() == 18
        assert gallery.verify().problems == []


def test_a_gallery_in_a_folder_that_cannot_be_written_can_be_read(path, monkeypatch):
    real = os.access
    monkeypatch.setattr(os, 'access', lambda name, mode: mode != os.W_OK and real(name, mode))
    before = sorted(file.name for file in path.iterdir())
    with open_gallery(path, readonly=True) as gallery:
        assert gallery.search(unit(20, D)[4:5], 1).ids == [['image-00004.jpg']]
        assert sorted(file.name for file in path.iterdir()) == before


def test_stored_vectors_that_are_not_finite_do_not_rank(tmp_path):
    with create_gallery(tmp_path / 'g', D, MODEL) as gallery:
        gallery.add(names(5), unit(5, D))
    content = np.fromfile(tmp_path / 'g' / file_name(1), np.float32)
    content[3] = np.nan
    content.tofile(tmp_path / 'g' / file_name(1))
    with (
        open_gallery(tmp_path / 'g', readonly=True) as gallery,
        pytest.raises(GalleryError, match='not finite'),
    ):
        gallery.search(unit(1, D))


def _write_under_a_limit(path, bytes_left, vectors_only):
    """In a process of its own: writes until a file may not grow, and what is there then."""
    largest = max(file.stat().st_size for file in path.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + bytes_left, largest + bytes_left))
    metadata = None if vectors_only else [{'text': 'x' * 10_000}]
    with open_gallery(path) as gallery:
        before = len(gallery)
        number = 0
        try:
            while number < 10_000:
                gallery.add([f'n-{number}'], unit(1, D, number), metadata)
                number += 1
        except OutputError as error:
            assert 'cannot be written' in str(error)  # noqa: PT017
            assert 'free some space' in str(error)  # noqa: PT017
        assert number < 10_000
        assert len(gallery) == before + number
        assert gallery.verify().problems == []
        gallery.search(unit(1, D), 3)


@pytest.mark.skipif(os.name == 'nt', reason='no limits of files there')
@pytest.mark.parametrize('bytes_left', [0, 100, 5000])
@pytest.mark.parametrize('vectors_only', [True, False])
def test_a_file_that_may_not_grow_is_a_full_disk(path, bytes_left, vectors_only):
    """The system's own error, for vectors and for the database."""
    process = fork.Process(target=_write_under_a_limit, args=(path, bytes_left, vectors_only))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    with open_gallery(path) as gallery:
        assert gallery.verify().problems == []
        gallery.add(['after'], unit(1, D, 10**6))
