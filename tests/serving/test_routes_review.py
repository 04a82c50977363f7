"""Class of faults: a decision of a review that is forgotten, halved or cannot be undone."""

import time
from dataclasses import replace

import pytest

from msvitreid.serving import MarkStore
from msvitreid.serving.review import Image
from tests.apis.verification.sample_card import sample_card

from .test_routes_marks import A, B, C, D, exported, mark
from .test_routes_search import ids, post, refused

URL = '/api/review'


def done(client, path, **params):
    """The answer once it is computed."""
    for _ in range(3000):
        answer = client.get(f'{URL}/{path}', params=params)
        assert answer.status_code == 200, answer.text
        if answer.json()['state'] == 'done':
            return answer.json()
        assert 0 <= answer.json()['progress'] < 1
        time.sleep(0.01)
    raise AssertionError('not computed')


def aside(client):
    return [one['id'] for one in client.get(f'{URL}/aside').json()['images']]


def test_an_image_set_aside_is_hidden_left_out_and_comes_back(client):
    for hit in (B, C):
        mark(client, A, hit)
    made = post(client, f'{URL}/aside', ids=[B, D], reason='bad crop', reviewer='Ada')
    assert made == {'change': 3, 'images': 2}
    assert aside(client) == [B, D]
    assert not {B, D} & {*ids(post(client, id=A, k=200))}
    found = post(client, id=A, k=200, with_aside=True)
    assert [one['id'] for one in found['hits'] if one['aside']] != []
    assert {one['id'] for one in found['hits'] if one['aside']} == {B, D}
    assert {B, D}.isdisjoint(ids(post(client, id=A, group_by='pid')))
    assert [row['path'] for row in exported(client)] == [A, C]
    (entry, *_) = client.get(f'{URL}/aside').json()['images']
    assert (entry['reason'], entry['reviewer'], entry['change']) == ('bad crop', 'Ada', 3)
    post(client, f'{URL}/undo', change=3)
    assert aside(client) == []
    assert [row['path'] for row in exported(client)] == [A, C, B]
    made = post(client, f'{URL}/aside', ids=[B, D])
    number = {one['id']: one['number'] for one in client.get(f'{URL}/aside').json()['images']}
    post(client, f'{URL}/undo', number=number[B])
    assert aside(client) == [D]
    refused(client, f'{URL}/undo', number=number[B], change=made['change'])
    assert str(number[B]) in refused(client, f'{URL}/undo', status=409, number=number[B])
    post(client, f'{URL}/undo', change=made['change'])
    assert aside(client) == []
    actions = [row['action'] for row in client.get(f'{URL}/log').json()['entries']]
    assert actions[4:] == ['undo', 'undo', 'aside', 'aside', 'mark', 'mark']


def test_one_hit_for_each_identity_is_another_image_if_the_best_is_set_aside(client):
    hits = post(client, id=A, group_by='pid')['hits']
    first = {one['metadata']['pid']: one['id'] for one in hits}
    post(client, f'{URL}/aside', ids=[first['0001']])
    hits = post(client, id=A, group_by='pid')['hits']
    second = {one['metadata']['pid']: one['id'] for one in hits}
    assert set(second) == set(first)
    assert {second['0001'], first['0001']} == {C, D}


def test_negatives_are_remembered_directly_and_through_identities(client):
    """Expected: A = B and C = D and B differs from C, so A differs from C and D."""
    mark(client, A, B)
    mark(client, C, D)
    number = mark(client, B, C, 'different')['number']
    found = {one['id']: one for one in post(client, id=A, k=200)['hits']}
    assert [found[one]['different'] for one in (B, C, D)] == [None, number, number]
    assert {one for one in found if found[one]['different']} == {C, D}
    assert found[C]['mark'] is None
    hidden = ids(post(client, id=A, k=200, hide_different=True))
    assert set(hidden) == set(found) - {C, D}
    post(client, '/api/marks/undo', number=number)
    assert set(ids(post(client, id=A, k=200, hide_different=True))) == set(found)


def test_two_servers_on_one_file_see_each_other(tmp_path, client):
    other = MarkStore(tmp_path / 'marks.sqlite')
    assert aside(client) == []
    other.note_all('aside', [Image('gallery', A)], '')
    assert aside(client) == [A]
    post(client, f'{URL}/undo', change=1)
    assert other.state.asides == {}
    other.close()


def test_clusters_are_confirmed_and_rejected_one_at_a_time(client):
    first = done(client, 'clusters', similarity=-1)
    assert (first['total'], first['index']) == (1, 0)
    names = [one['id'] for one in first['images']]
    assert len(names) == 6
    assert first['images'][0]['recorded'] == '0000'
    removed = names[-1]
    confirmed = post(client, f'{URL}/clusters/confirm', ids=names[:-1], removed=[removed])
    assert confirmed == {'change': 1, 'marks': 5}
    counts = client.get('/api/marks').json()['counts']
    assert counts == {'same': 4, 'different': 1, 'cannot tell': 0}
    assert done(client, 'clusters', similarity=-1)['total'] == 0
    post(client, f'{URL}/undo', change=1)
    post(client, f'{URL}/clusters/reject', ids=names[::-1], reviewer='Ada')
    assert done(client, 'clusters', similarity=-1)['images'] is None
    post(client, f'{URL}/undo')
    mark(client, A, C, 'different')
    for group in [done(client, 'clusters', similarity=-1, index=n) for n in range(2)]:
        assert not {A, C} <= {one['id'] for one in group['images'] or ()}


def test_a_group_that_contradicts_marks_changes_nothing(client):
    number = mark(client, A, C, 'different')['number']
    error = refused(client, f'{URL}/clusters/confirm', status=409, ids=[A, B, C])
    assert f'mark {number}' in error
    assert len(client.get('/api/marks').json()['marks']) == 1


def test_clusters_at_a_rate_of_the_card(serve, inferencer):
    assert 'similarity' in serve().get(f'{URL}/clusters').json()['error']
    assert 'card' in serve().get(f'{URL}/clusters', params={'fmr': 0.1}).json()['error']
    card = sample_card(fingerprint=inferencer.fingerprint)
    client = serve(card=card)
    assert done(client, 'clusters')['threshold'] == card.same_threshold
    assert 'fmr' in client.get(f'{URL}/clusters', params={'fmr': 1e-9}).json()['error']


def test_outliers_are_confirmed_each_way(serve, inferencer):
    """Expected: by a card whose threshold no pair reaches, all 6 images are outliers."""
    card = replace(sample_card(fingerprint=inferencer.fingerprint), same_threshold=1.5)
    client = serve(card=card)
    found = done(client, 'outliers')
    assert found['total'] == len(found['outliers']) == 6
    outliers = {one['id']: one for one in found['outliers']}
    some = outliers[A]
    assert some['images'] == 2
    assert some['own']['id'] == B
    assert some['of']['recorded'] == some['own']['recorded'] == '0000'
    margins = [one['margin'] for one in found['outliers']]
    assert margins == sorted(margins, reverse=True)
    post(client, f'{URL}/outliers/fine', ids=[A])
    post(client, f'{URL}/aside', ids=[C], reason='wrong reference')
    post(client, f'{URL}/outliers/detach', id=B, nearest=A)
    left = done(client, 'outliers')
    assert {one['id'] for one in left['outliers']} == {*outliers} - {A, B, C}
    assert (left['total'], left['changed']) == (3, 1)
    post(client, f'{URL}/undo')
    assert done(client, 'outliers')['total'] == 4
    # With the marks of now D is alone, as C is set aside.
    client.get(f'{URL}/outliers', params={'again': True})
    again = done(client, 'outliers')
    assert (again['total'], again['changed']) == (3, 0)
    part = done(client, 'outliers', offset=1, limit=1)
    assert part['outliers'] == again['outliers'][1:2]


def test_a_recorded_identity_is_noted_as_wrong_and_the_gallery_stays(client):
    detached = post(client, f'{URL}/outliers/detach', id=B, nearest=A, reviewer='Ada')
    assert detached == {'change': 1}
    assert client.get('/api/marks').json()['counts']['different'] == 1
    (item,) = client.get('/api/items', params={'where': f'id={B}'}).json()['items']
    assert item['metadata']['pid'] == '0000'
    assert 'record' in refused(client, f'{URL}/outliers/detach', status=409, id=A, nearest=C)
    mark(client, C, D)
    assert 'join' in refused(client, f'{URL}/outliers/detach', status=409, id=C, nearest=D)


@pytest.mark.parametrize(
    ('url', 'values', 'status'),
    [
        ('aside', {'ids': []}, 400),
        ('aside', {'ids': ['gone']}, 404),
        ('aside', {'ids': [A], 'reason': 'x' * 81}, 409),
        ('aside', {'ids': [A], 'reason': 'a\nb'}, 409),
        ('aside', {'ids': [A], 'reviewer': 'x' * 81}, 409),
        ('aside', {'ids': [A] * 201}, 400),
        ('outliers/fine', {'ids': ['gone']}, 404),
        ('outliers/detach', {'id': A}, 400),
        ('clusters/confirm', {'ids': [A]}, 400),
        ('clusters/confirm', {'ids': [A, A]}, 400),
        ('clusters/confirm', {'ids': [A, B], 'removed': [B]}, 400),
        ('clusters/confirm', {'ids': [A, 'gone']}, 404),
        ('clusters/reject', {'ids': [A, 'gone']}, 404),
        ('undo', {}, 409),
        ('undo', {'change': 7}, 409),
    ],
)
def test_wrong_requests_are_refused(client, url, values, status):
    refused(client, f'{URL}/{url}', status=status, **values)
    assert client.get(f'{URL}/log').json()['entries'] == []


@pytest.mark.parametrize(
    ('url', 'params'),
    [
        ('aside', {'limit': 0}),
        ('log', {'limit': 201}),
        ('outliers', {'offset': -1}),
        ('outliers', {'limit': 'x'}),
        ('clusters', {'similarity': 2}),
        ('clusters', {'similarity': 0.5, 'index': -1}),
        ('clusters', {'similarity': 'nan'}),
    ],
)
def test_wrong_parameters_are_refused(client, url, params):
    answer = client.get(f'{URL}/{url}', params=params)
    assert answer.status_code == 400
    assert next(iter(reversed(params))) in answer.json()['error']
