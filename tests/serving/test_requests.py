"""Class of faults: a body that means two things, is not answered, or keeps all others waiting."""

import json
import tempfile
import time

import pytest

from .conftest import as_file, png

JSON = {'Content-Type': 'application/json'}
A, B = 'c1/0000_c1.jpg', 'c1/0001_c1.jpg'


def error_of(answer, status=400):
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ['error']
    return answer.json()['error']


@pytest.mark.parametrize('number', [2**63, 10**30, 0, -1])
def test_a_number_that_no_entry_has_is_named(client, number):
    for path, body in (
        ('/api/marks/undo', {'number': number}),
        ('/api/marks/bulk/undo', {'numbers': [number]}),
        ('/api/review/undo', {'change': number}),
        ('/api/review/undo', {'number': number}),
    ):
        assert next(iter(body)) in error_of(client.post(path, json=body))
    assert 'before' in error_of(client.get(f'/api/review/log?before={number}'))


def test_a_name_that_is_there_twice_is_refused(client):
    """Of ``same`` and ``different`` the last one was taken."""
    body = f'{{"query": "{A}", "hit": "{B}", "answer": "same", "answer": "different"}}'
    assert "'answer'" in error_of(client.post('/api/marks', content=body, headers=JSON))
    assert client.get('/api/marks').json()['marks'] == []


def test_a_large_body_without_an_image_ends_soon(client):
    """1,500,000 names kept the server from all others for 16 seconds."""
    names = ','.join(f'"{n}":1' for n in range(150_000))
    plain = {'Content-Type': 'application/x-www-form-urlencoded'}
    started = time.process_time()
    assert '100' in error_of(client.post('/api/search', content=f'{{{names}}}', headers=JSON))
    for headers in (JSON, plain):
        answer = client.post('/api/search', content=b'&' * (2**21 + 1), headers=headers)
        assert '2,097,152' in error_of(answer)
    many = {'query': A, 'hits': [B] * 5001, 'answer': 'same'}
    assert 'hits' in error_of(client.post('/api/marks/bulk', json=many))
    assert 'where' in error_of(client.post('/api/search', json={'id': A, 'where': ['a'] * 101}))
    assert time.process_time() - started < 5


def test_uploads_are_never_written_to_the_disk(client, monkeypatch):
    """Starlette writes those above 1 MB to a temporary file."""

    def roll(self):
        raise AssertionError('an upload is written to the disk')

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, 'rollover', roll)
    large = png() + bytes(3 * 2**20)
    assert client.post('/api/search', files=as_file(large)).status_code == 200


def test_a_form_that_cannot_be_read_is_a_sentence(client):
    for kind in ('multipart/form-data', 'multipart/form-data; boundary='):
        answer = client.post('/api/search', content=b'x', headers={'Content-Type': kind})
        assert 'form' in error_of(answer)


def test_a_login_with_other_fields_is_a_sentence(client):
    form = {'Content-Type': 'application/x-www-form-urlencoded'}
    answer = client.post('/login', content='token=x&' * 10, headers=form)
    assert 'token' in error_of(answer)


def test_paths_of_files_cannot_be_guessed_by_conditions(client, made):
    """``path>=/a`` answered, so that a path could be found a letter at a time."""
    for body in ({'where': ['path>=/']}, {'exclude': ['path']}, {'group_by': 'path'}):
        assert "'path'" in error_of(client.post('/api/search', json={'id': A, **body}))
    assert "'path'" in error_of(
        client.post('/api/search', json={'id': A, 'exclude': ['path=x']})
    )
    assert "'path'" in error_of(client.get('/api/items?where=path>=/'))
    everything = json.dumps(client.get('/api/items').json())
    assert str(made) not in everything


def test_an_exclusion_is_looked_for_a_few_times_only(client):
    values = ','.join(f'x{n}' for n in range(9))
    body = {'id': A, 'exclude': [f'camera={values}']}
    assert '9' in error_of(client.post('/api/search', json=body))
