"""Class of faults: a mark that is lost, halved, of another pair, or that nobody can undo."""

import os
import sqlite3

import pytest

from msvitreid.errors import OutputError, ReviewError
from msvitreid.serving.marks import Image, MarkStore

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
