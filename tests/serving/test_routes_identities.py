"""Class of faults: a merge or split that does something else than what was shown."""

import pytest

from .test_routes_marks import A, B, C, D, exported, mark
from .test_routes_search import post, refused

HOSTILE = '<img src=x onerror=alert(1)>'
URL = '/api/identities'


def listed(client, **params):
    return client.get(URL, params=params).json()['identities']


def by_scope(client, what, **values):
    """What was changed, by the digest of what was shown first."""
    shown = post(client, f'{URL}/{what}/scope', **values)
    done = post(client, f'{URL}/{what}', digest=shown['digest'], **values)
    assert {**done, 'change': None} == {'change': None, **shown}
    return done


def test_a_name_travels_into_the_training_list_and_the_search(client):
    mark(client, A, B)
    mark(client, C, D)
    named = post(client, f'{URL}/name', image=B, name=f' {HOSTILE} ', reviewer='Ada')
    assert named == {'change': 3, 'name': HOSTILE}
    assert post(client, f'{URL}/name', image=C, name='0')['name'] == '0'
    pids = {row['path']: row['pid'] for row in exported(client)}
    assert pids == {A: HOSTILE, B: HOSTILE, C: '0', D: '0'}
    post(client, f'{URL}/name', image=C, name='')
    assert {row['pid'] for row in exported(client)} == {HOSTILE, '0'}
    hit = next(one for one in post(client, id=C)['hits'] if one['id'] == A)
    assert hit['identity'] == HOSTILE
    assert listed(client, name='IMG') == [
        {
            'image': A,
            'name': HOSTILE,
            'count': 2,
            'uploads': 0,
            'samples': [A, B],
            'recorded': ['0000'],
        }
    ]
    found = client.get(f'{URL}/of', params={'image': B}).json()
    assert [one['id'] for one in found['images']] == [A, B]
    assert found['images'][0]['metadata'] == {'camera': 'c1', 'pid': '0000', 'time': 0}
    assert [one['number'] for one in found['marks']] == [1]
    assert client.get(f'{URL}/of', params={'image': 'gone'}).status_code == 404


def test_numbers_of_unnamed_identities_are_no_names(client):
    """Expected: '00' is a spelling of 0, so the first free number is 1."""
    mark(client, A, B)
    mark(client, C, D)
    post(client, f'{URL}/name', image=C, name='00')
    assert {row['pid'] for row in exported(client)} == {'1', '00'}


def test_a_merge_shows_its_scope_first_and_is_undone(client):
    mark(client, A, B)
    mark(client, C, D)
    post(client, f'{URL}/name', image=C, name='Carl')
    shown = post(client, f'{URL}/merge/scope', images=[B, D])
    assert shown['images'] == 4
    assert shown['identities'] == [{'name': 'Carl', 'images': 4, 'ids': sorted([A, B, C, D])}]
    assert shown['marks'] == {'same': 1}
    assert shown['added'] == [{'query': A, 'hit': C, 'answer': 'same'}]
    assert len(listed(client)) == 2
    done = by_scope(client, 'merge', images=[B, D], name='Cora')
    assert [(one['name'], one['count']) for one in listed(client)] == [('Cora', 4)]
    assert {row['pid'] for row in exported(client)} == {'Cora'}
    undone = post(client, '/api/review/undo', change=done['change'])['undone']
    assert len(undone) == 3
    assert [(one['name'], one['count']) for one in listed(client)] == [('', 2), ('Carl', 2)]
    assert 'change' in refused(client, '/api/review/undo', status=409, change=done['change'])


def test_what_changed_since_it_was_shown_is_not_done(client):
    mark(client, A, B)
    shown = post(client, f'{URL}/merge/scope', images=[A, C])
    mark(client, C, D)
    values = dict(images=[A, C], digest=shown['digest'])
    assert 'scope' in refused(client, f'{URL}/merge', status=409, **values)
    assert [one['count'] for one in listed(client)] == [2, 2]
    again = post(client, f'{URL}/merge/scope', images=[A, C])
    other_name = dict(images=[A, C], name='Ada', digest=again['digest'])
    refused(client, f'{URL}/merge', status=409, **other_name)


def test_a_merge_of_what_is_marked_as_different_names_the_marks(client):
    mark(client, A, B)
    number = mark(client, B, C, 'different')['number']
    error = refused(client, f'{URL}/merge/scope', status=409, images=[A, C])
    assert f'mark {number}' in error
    assert B in error
    assert C in error


def test_a_split_shows_its_scope_first(client):
    for hit in (B, C, D):
        mark(client, A, hit)
    shown = post(client, f'{URL}/split/scope', images=[C, D], name='Carl')
    assert [one['images'] for one in shown['identities']] == [2, 2]
    assert shown['marks'] == {'different': 2, 'same': 1}
    assert [one['number'] for one in shown['replaced_marks']] == [2, 3]
    done = by_scope(client, 'split', images=[C, D], name='Carl')
    assert [(one['name'], one['count']) for one in listed(client)] == [('', 2), ('Carl', 2)]
    counts = client.get('/api/marks').json()['counts']
    assert counts == {'same': 2, 'different': 2, 'cannot tell': 0}
    post(client, '/api/review/undo', change=done['change'])
    assert [one['count'] for one in listed(client)] == [4]


def test_a_split_off_image_is_no_longer_what_the_gallery_records(client):
    mark(client, A, B)
    shown = post(client, f'{URL}/split/scope', images=[B])
    assert shown['recorded_wrong'] == [B]


@pytest.mark.parametrize(
    ('url', 'values', 'status'),
    [
        ('merge/scope', {'images': [A]}, 400),
        ('merge/scope', {'images': [A, A]}, 400),
        ('merge/scope', {'images': [A, 'gone']}, 404),
        ('merge/scope', {'images': [A, B], 'name': 'unknown'}, 409),
        ('merge/scope', {'images': [A, B], 'other': 1}, 400),
        ('merge', {'images': [A, B]}, 400),
        ('merge', {'images': [A, B], 'digest': '0' * 64}, 409),
        ('merge', {'images': [A, B], 'digest': 'x'}, 400),
        ('split/scope', {'images': []}, 400),
        ('split/scope', {'images': [A]}, 409),
        ('split/scope', {'images': ['gone']}, 404),
        ('name', {'image': A, 'name': 'x' * 81}, 409),
        ('name', {'image': 'gone', 'name': 'x'}, 404),
        ('name', {'image': A}, 400),
    ],
)
def test_wrong_requests_are_refused(client, url, values, status):
    refused(client, f'{URL}/{url}', status=status, **values)
    assert client.get('/api/review/log').json()['entries'] == []


def test_lists_page_by_page(client):
    mark(client, A, B)
    mark(client, C, D)
    (first,) = listed(client, limit=1)
    (second,) = listed(client, limit=1, after=first['image'])
    assert [first['image'], second['image']] == [A, C]
    assert listed(client, after=second['image']) == []
    assert client.get(URL, params={'limit': 0}).status_code == 400
