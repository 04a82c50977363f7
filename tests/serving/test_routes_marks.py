"""Class of faults: a review that cannot be done, undone or trained with."""

import csv
import io
import re
import sqlite3

import pytest

from tests.cli.command import command

from .conftest import as_file
from .test_routes_search import ids, post, refused

A, B, C = 'c1/0000_c1.jpg', 'c2/0000_c2.jpg', 'c1/0001_c1.jpg'
D = 'c2/0001_c2.jpg'


def mark(client, query, hit, answer='same', **values):
    return post(client, '/api/marks', query=query, hit=hit, answer=answer, **values)


def test_marks_are_shown_with_the_hits_and_undone(client):
    first = mark(client, A, B, reviewer='Ada')
    assert (first['query'], first['hit'], first['answer']) == (A, B, 'same')
    assert first['reviewer'] == 'Ada'
    second = mark(client, B, A, 'different')
    listed = client.get('/api/marks').json()
    assert listed['counts'] == {'same': 0, 'different': 1, 'cannot tell': 0}
    assert listed['marks'] == [second]
    hit = next(one for one in post(client, id=A)['hits'] if one['id'] == B)
    assert hit['mark'] == {'number': second['number'], 'answer': 'different'}
    undone = post(client, '/api/marks/undo', number=second['number'])
    assert undone == {'undone': second, 'holds': first}
    assert post(client, '/api/marks/undo')['holds'] is None
    assert 'undone' in refused(client, '/api/marks/undo', status=409)


def test_an_upload_joins_images_of_the_gallery(client, crop):
    found = post(client, files=as_file(crop.read_bytes()))
    upload = found['query']['upload']
    for hit in ids(found)[1:3]:
        post(client, '/api/marks', upload=upload, hit=hit, answer='same')
    again = post(client, files=as_file(crop.read_bytes()))
    assert [one['mark'] and one['mark']['answer'] for one in again['hits']][:4] == [
        None,
        'same',
        'same',
        None,
    ]
    rows = exported(client)
    assert [row['path'] for row in rows] == sorted(ids(found)[1:3])
    assert {row['pid'] for row in rows} == {'0'}


def test_many_are_marked_and_undone_together_or_not_at_all(client):
    mark(client, A, B, 'same')
    bulk = dict(query=A, hits=[B, C, D], answer='different')
    made = post(client, '/api/marks/bulk', **bulk)['marks']
    assert [one['hit'] for one in made] == [B, C, D]
    counts = client.get('/api/marks').json()['counts']
    assert counts == {'same': 0, 'different': 3, 'cannot tell': 0}
    numbers = [one['number'] for one in made]
    refused(client, '/api/marks/bulk/undo', status=409, numbers=[*numbers, 99])
    assert client.get('/api/marks').json()['counts'] == counts
    post(client, '/api/marks/bulk/undo', numbers=numbers)
    (left,) = client.get('/api/marks').json()['marks']
    assert (left['hit'], left['answer']) == (B, 'same')
    for changes, status in (
        ({'hits': [C, 'gone']}, 404),
        ({'hits': [C, A]}, 409),
        ({'hits': []}, 400),
        ({'hits': [C] * 201}, 400),
        ({'answer': 'maybe'}, 409),
        ({'query': None}, 400),
    ):
        refused(client, '/api/marks/bulk', status=status, **{**bulk, **changes})
    assert client.get('/api/marks').json()['marks'] == [left]
    assert len(post(client, '/api/marks/bulk', **{**bulk, 'hits': [C, C]})['marks']) == 1


def test_wrong_marks_are_refused(client):
    for values, status in (
        (dict(query=A, hit=A, answer='same'), 409),
        (dict(query=A, hit='gone', answer='same'), 404),
        (dict(query='gone', hit=A, answer='same'), 404),
        (dict(query=A, hit=B, answer='maybe'), 409),
        (dict(query=A, hit=B), 400),
        (dict(hit=B, answer='same'), 400),
        (dict(query=A, upload='0' * 64, hit=B, answer='same'), 400),
        (dict(upload='../x', hit=B, answer='same'), 400),
        (dict(query=A, hit=B, answer='same', reviewer='x' * 81), 409),
    ):
        refused(client, '/api/marks', status=status, **values)
    assert client.get('/api/marks').json()['marks'] == []
    assert client.get('/api/marks', params={'limit': -1}).status_code == 400


def exported(client):
    answer = client.get('/api/marks/export.csv')
    assert answer.status_code == 200, answer.text
    assert answer.headers['content-type'] == 'text/csv; charset=utf-8'
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_export_is_a_training_list_that_is_read(client, made, tmp_path):
    assert 'no two images' in client.get('/api/marks/export.csv').json()['error']
    mark(client, A, B)
    mark(client, C, D)
    mark(client, A, C, 'different')
    rows = exported(client)
    assert rows == [
        {'path': A, 'pid': '0', 'camid': 'c1'},
        {'path': B, 'pid': '0', 'camid': 'c2'},
        {'path': C, 'pid': '1', 'camid': 'c1'},
        {'path': D, 'pid': '1', 'camid': 'c2'},
    ]
    (tmp_path / 'marks.csv').write_bytes(client.get('/api/marks/export.csv').content)
    config = tmp_path / 'config.py'
    dataset = dict(
        type='ReIDDataset', data_root=str(made / 'crops'), csv=str(tmp_path / 'marks.csv')
    )
    config.write_text(f'train_dataloader = dict(dataset={dataset!r})')
    checked = command('check-data', config)
    assert checked.code == 0, checked
    assert re.search(r'train +4 +2 +2 +c1, c2', checked.out), checked


def test_a_contradiction_is_refused_by_name(client):
    mark(client, A, B)
    mark(client, B, C)
    mark(client, A, C, 'different')
    answer = client.get('/api/marks/export.csv')
    assert answer.status_code == 409
    error = answer.json()['error']
    for name in (A, B, C):
        assert name in error
    client.post('/api/marks/undo', json={})
    assert len(exported(client)) == 3


@pytest.mark.parametrize('content', [b'', b'[]', b'{"number": "x"}', b'{"other": 1}'])
def test_a_body_that_is_no_undo(client, content):
    answer = client.post(
        '/api/marks/undo', content=content, headers={'Content-Type': 'application/json'}
    )
    assert answer.status_code == 400
    assert answer.json()['error']


def test_a_file_that_is_in_use_is_named_without_its_folder(client, tmp_path, marks):
    """Searches and the health of the server waited for 30 seconds each, one after the other."""
    marks._log._database.execute('PRAGMA busy_timeout = 50')
    other = sqlite3.connect(tmp_path / 'marks.sqlite', isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    answer = client.get('/api/marks')
    assert answer.status_code == 503
    error = answer.json()['error']
    assert "'marks.sqlite'" in error
    assert str(tmp_path) not in error
    assert client.get('/api/health').json()['status'] == 'ok'
    other.execute('ROLLBACK')
    other.close()
    assert client.get('/api/marks').status_code == 200
