"""Class of faults: a mark that is lost, halved, of another pair, or that nobody can undo."""

import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from msvitreid.errors import OutputError, ReviewError
from msvitreid.serving.review import BusyMarksError, Image, MarkStore
from msvitreid.serving.review.changes import plan_merge, plan_name
from msvitreid.serving.review.schema import FIRST_SCHEMA

A, B, C = (Image('gallery', name) for name in ('a', 'b/ü"\'.jpg', 'c'))
UPLOAD = Image('upload', '0' * 64)


def held(store):
    return [(mark.query, mark.hit, mark.answer) for mark in store.holding()]


def test_marks_survive_their_process_and_an_undo_brings_the_one_before(tmp_path, marks):
    first = marks.add(A, B, 'same', 'Ada')
    again = marks.add(B, A, 'same')
    assert again == first
    second = marks.add(B, A, 'different')
    marks.add(UPLOAD, A, 'cannot tell')
    assert held(marks) == [(B, A, 'different'), (UPLOAD, A, 'cannot tell')]
    marks.close()
    with_others = MarkStore(tmp_path / 'marks.sqlite')
    assert with_others.answers_for(A) == {B.name: second}
    assert with_others.undo(second.number) == second
    assert held(with_others) == [(A, B, 'same'), (UPLOAD, A, 'cannot tell')]
    assert with_others.undo().answer == 'cannot tell'
    assert with_others.undo() == first
    with pytest.raises(ReviewError, match='undone'):
        with_others.undo()
    with pytest.raises(ReviewError, match='mark 1 '):
        with_others.undo(1)
    with_others.close()
    rows = sqlite3.connect(tmp_path / 'marks.sqlite').execute(
        'SELECT action, answer, reviewer, undoes FROM log'
    )
    assert list(rows) == [
        ('mark', 'same', 'Ada', None),
        ('mark', 'different', '', None),
        ('mark', 'cannot tell', '', None),
        ('undo', 'different', '', 2),
        ('undo', 'cannot tell', '', 3),
        ('undo', 'same', '', 1),
    ]


def test_an_id_that_looks_like_an_upload_is_none(marks):
    marks.add(Image('gallery', 'upload:x'), A, 'same')
    assert held(marks) == [(Image('gallery', 'upload:x'), A, 'same')]
    assert marks.answers_for(Image('upload', 'x')) == {}


def test_two_processes_write_one_file(tmp_path, marks):
    other = MarkStore(tmp_path / 'marks.sqlite')
    marks.add(A, B, 'same')
    other.add(A, C, 'different')
    assert held(marks) == held(other) == [(A, B, 'same'), (A, C, 'different')]
    other.close()


def test_what_is_no_mark_is_refused(marks):
    for query, hit, answer, reviewer in (
        (A, A, 'same', ''),
        (A, B, 'SAME', ''),
        (A, B, '', ''),
        (A, B, 'same', 'x' * 81),
        (A, B, 'same', 'a\nb'),
    ):
        with pytest.raises(ReviewError):
            marks.add(query, hit, answer, reviewer)
    assert held(marks) == []


def test_other_files_are_left_as_they_are(tmp_path):
    text = tmp_path / 'text'
    text.write_text('no database, and of more than a hundred characters' * 20)
    foreign = tmp_path / 'foreign'
    with sqlite3.connect(foreign) as database:
        database.execute('CREATE TABLE log (x)')
    for file in (text, foreign):
        content = file.read_bytes()
        with pytest.raises(ReviewError, match=file.name):
            MarkStore(file)
        assert file.read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ['foreign', 'text']
    with pytest.raises(OutputError, match='cannot be written'):
        MarkStore(tmp_path)


def test_a_change_is_undone_as_a_whole_and_what_was_before_holds(marks):
    marks.add(A, B, 'same')
    made = marks.add_pairs([(A, B, 'different'), (A, C, 'same')], 'Ada')
    assert [mark.change for mark in made] == [2, 2]
    marks.note_all('aside', [A], 'bad crop')
    assert marks.state.asides['a'].value == 'bad crop'
    assert len(marks.undo_change(2, 'Bob')) == 2
    assert held(marks) == [(A, B, 'same')]
    with pytest.raises(ReviewError, match='change 2'):
        marks.undo_change(2)
    assert [entry.change for entry in marks.undo_change()] == [4]
    assert marks.state.asides == {}
    history = marks.history()
    assert [(row['action'], row['change'], row['undoes'], row['holds']) for row in history] == [
        ('undo', 7, 4, False),
        ('undo', 5, 3, False),
        ('undo', 5, 2, False),
        ('aside', 4, None, False),
        ('mark', 2, None, False),
        ('mark', 2, None, False),
        ('mark', 1, None, True),
    ]
    assert [row['number'] for row in marks.history(before=3, limit=1)] == [2]


def test_what_is_confirmed_is_what_was_shown(tmp_path, marks):
    other = MarkStore(tmp_path / 'marks.sqlite')
    merge = partial(plan_merge, images=[A, C])
    shown = merge(marks.state).digest
    other.add(C, B, 'same')
    with pytest.raises(ReviewError, match='scope'):
        marks.apply(merge, shown)
    assert held(marks) == [(C, B, 'same')]
    marks.apply(merge, merge(marks.state).digest)
    assert [one.ids for one in other.state.identities] == [['a', B.name, 'c']]
    other.close()


def test_names_are_unique_after_normalization_whatever_makes_them_so(marks):
    """Expected: composed and decomposed, full width and number spellings are one name."""
    for image, name in ((A, 'Zo\u00eb'), (B, '1')):
        marks.apply(partial(plan_name, image=image, name=name))
    for name in ('Zoe\u0308', ' Zo\u00eb ', '01', '\uff11'):
        with pytest.raises(ReviewError, match='one name'):
            marks.apply(partial(plan_name, image=C, name=name))
    with pytest.raises(ReviewError, match='the names'):
        marks.add(A, B, 'same')
    assert held(marks) == []
    marks.apply(partial(plan_name, image=B, name='2'))
    marks.apply(partial(plan_name, image=C, name='1'))
    with pytest.raises(ReviewError, match='one name'):
        marks.undo_change(3)
    assert [one.name for one in marks.state.identities] == ['Zo\u00eb', '2', '1']


def test_a_file_of_format_1_is_upgraded_in_place(tmp_path):
    """Class: marks of an older version that are lost, or an upgrade that is halved."""
    path = tmp_path / 'old.sqlite'
    with sqlite3.connect(path) as database:
        for statement in FIRST_SCHEMA.values():
            database.execute(statement)
        database.execute('PRAGMA application_id = 0x4D53524D')
        database.execute('PRAGMA user_version = 1')
        rows = [
            (
                1,
                't1',
                'mark',
                'gallery:a',
                'gallery:c',
                'gallery:a',
                'gallery:c',
                'same',
                'Ada',
            ),
            (
                2,
                't2',
                'mark',
                'gallery:c',
                'gallery:a',
                'gallery:a',
                'gallery:c',
                'different',
                '',
            ),
            (
                3,
                't3',
                'undo',
                'gallery:c',
                'gallery:a',
                'gallery:a',
                'gallery:c',
                'different',
                '',
            ),
            (4, 't4', 'mark', 'upload:00', 'gallery:a', 'gallery:a', 'upload:00', 'same', ''),
        ]
        undoes = [None, None, 2, None]
        for row, undone in zip(rows, undoes, strict=True):
            database.execute('INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?,?)', (*row, undone))
    database.close()
    for _ in range(2):
        store = MarkStore(path)
        assert [mark[:2] for mark in store.holding()] == [(1, 't1'), (4, 't4')]
        store.close()
    store = MarkStore(path)
    assert store.undo_change(4)[0].query == Image('upload', '00')
    assert store.note_all('aside', [A], '')[0].number == 6
    store.close()
    with sqlite3.connect(path) as database:
        assert database.execute('PRAGMA user_version').fetchone() == (2,)
        found = database.execute(
            "SELECT name FROM sqlite_schema WHERE name LIKE 'log%' ORDER BY name"
        ).fetchall()
    assert [name for (name,) in found] == ['log', 'log_change', 'log_of']


def test_a_later_version_is_refused_and_left(tmp_path, marks):
    marks.close()
    path = tmp_path / 'marks.sqlite'
    with sqlite3.connect(path) as database:
        database.execute('PRAGMA user_version = 3')
    database.close()
    content = path.read_bytes()
    with pytest.raises(ReviewError, match='version'):
        MarkStore(path)
    assert path.read_bytes() == content


KILLED = """
import sys
from msvitreid.serving.review import BusyMarksError, Image, MarkStore
store = MarkStore(sys.argv[1])
print('ready', flush=True)
for change in range(10_000):
    hits = [Image('gallery', f'{change}/{n}') for n in range(50)]
    store.add_all(Image('gallery', 'a'), hits, 'different')
"""


def test_a_change_is_whole_after_sigkill(tmp_path):
    path = tmp_path / 'killed.sqlite'
    process = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == 'ready\n'
    with sqlite3.connect(path, timeout=30) as database:
        while database.execute('SELECT count(*) FROM log').fetchone()[0] < 100:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        counts = database.execute('SELECT count(*) FROM log GROUP BY change').fetchall()
    assert len(counts) >= 2
    assert set(counts) == {(50,)}


def test_what_is_read_since_is_what_is_read_at_once(tmp_path, marks):
    """Class: a state that two processes see differently, whatever was added and undone."""
    other, random = MarkStore(tmp_path / 'marks.sqlite'), np.random.default_rng(0)
    for _ in range(150):
        store = (marks, other)[random.integers(2)]
        one, two = (Image('gallery', 'abcde'[n]) for n in random.choice(5, 2, replace=False))
        match random.integers(4):
            case 0:
                store.add(one, two, ('same', 'different')[random.integers(2)])
            case 1:
                store.note_all(('aside', 'fine')[random.integers(2)], [one, two], '')
            case _ if store.state.marks or store.state.asides:
                store.undo_change()
        fresh = MarkStore(tmp_path / 'marks.sqlite')
        expected = vars(fresh.state)
        fresh.close()
        assert vars(marks.state) == vars(other.state) == expected
    other.close()


TRIGGER = (
    'CREATE TRIGGER sqlite_t AFTER INSERT ON log BEGIN DELETE FROM log WHERE number = 1; END'
)


@pytest.mark.parametrize(
    'statements',
    [
        # A name with which SQLite's own tables begin.
        [
            'PRAGMA writable_schema = ON',
            f"INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_t', 'log', 0, '{TRIGGER}')",
        ],
        ["UPDATE log SET query = x'ff00', one = x'ff00'"],
        ["UPDATE log SET time = x'ff'"],
        ['UPDATE log SET number = 9223372036854775807'],
        ["UPDATE log SET hit = '', other = ''"],
        ['UPDATE log SET hit = query, other = query'],
        ["UPDATE log SET one = 'gallery:zzz'"],
        ["UPDATE log SET action = 'undo'"],
        ['UPDATE log SET undoes = 1'],
    ],
)
def test_a_file_that_another_program_has_written_is_refused(tmp_path, marks, statements):
    marks.add(A, C, 'same')
    marks.close()
    database = sqlite3.connect(tmp_path / 'marks.sqlite', isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()
    before = (tmp_path / 'marks.sqlite').read_bytes()
    with pytest.raises(ReviewError, match=r'marks\.sqlite'):
        MarkStore(tmp_path / 'marks.sqlite')
    assert (tmp_path / 'marks.sqlite').read_bytes() == before


def test_a_file_that_another_program_keeps_is_not_waited_for_long(tmp_path, marks, monkeypatch):
    """All who asked waited for 30 seconds, one after the other."""
    monkeypatch.setattr('msvitreid.serving.review.log.WAIT_SECONDS', 0.05)
    marks.add(A, B, 'same')
    other = sqlite3.connect(tmp_path / 'marks.sqlite', isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    marks._log._database.execute('PRAGMA busy_timeout = 50')
    with pytest.raises(BusyMarksError, match='in use'):
        marks.add(A, C, 'same')
    with pytest.raises(BusyMarksError, match='in use'):
        _ = marks.state
    with marks._log._lock, pytest.raises(BusyMarksError, match='in use'):
        marks.holding()
    other.execute('ROLLBACK')
    assert marks.add(A, C, 'same').number == 2
    other.close()
