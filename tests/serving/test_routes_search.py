"""Class of faults: an answer over HTTP that is another one than Python's, or is lost."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.apis.verification.sample_card import sample_card

from .conftest import as_file, png

ID = 'c1/0001_c1.jpg'


def post(client, url='/api/search', files=None, status=200, **values):
    how = {'data': values, 'files': files} if files else {'json': values}
    answer = client.post(url, **how)
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(client, url='/api/search', files=None, status=400, **values):
    answer = post(client, url, files, status, **values)
    assert list(answer) == ['error']
    assert '\n' not in answer['error']
    return answer['error']


def ids(found):
    return [hit['id'] for hit in found['hits']]


def test_an_upload_finds_its_own_image_first(client, crop, inferencer):
    found = post(client, files=as_file(crop.read_bytes()), k=3)
    assert ids(found)[0] == ID
    assert len(found['hits']) == 3
    first = found['hits'][0]
    assert first['similarity'] == pytest.approx(1, abs=1e-5)
    assert first['metadata'] == {'camera': 'c1', 'pid': '0001', 'time': 1}
    assert first['mark'] is None
    assert found['exactness'] == 'exact'
    assert found['fingerprint'] == inferencer.fingerprint
    assert set(found['milliseconds']) == {'embedding', 'search'}
    assert found['query']['upload'] == hashlib.sha256(crop.read_bytes() + b'\0').hexdigest()


def test_an_upload_has_the_embedding_of_its_file(client, crop, inferencer):
    found = post(client, '/api/embed', as_file(crop.read_bytes()))
    expected = inferencer.embed(crop).embeddings[0]
    np.testing.assert_array_equal(np.float32(found['embedding']), expected)


def test_a_box_is_what_is_embedded(client, crop, inferencer):
    with Image.open(crop) as image:
        frame = Image.new('RGB', (100, 90))
        frame.paste(image, (10, 20))
    out = io.BytesIO()
    frame.save(out, format='PNG')
    found = post(client, files=as_file(out.getvalue()), box='10,20,42,84', k=1)
    assert ids(found) == [ID]
    assert found['hits'][0]['similarity'] == pytest.approx(1, abs=1e-4)
    files = as_file(out.getvalue())
    assert 'box' in refused(client, files=files, box='1,2,3')
    assert 'box' in refused(client, files=files, box='1,2,inf,3')
    assert 'box' in refused(client, files=files, box='200,200,300,300')


def test_an_image_of_the_gallery_is_searched_without_itself(client):
    found = post(client, id=ID, k=200)
    assert len(found['hits']) == 5
    assert ID not in ids(found)
    assert found['query'] == {
        'gallery': ID,
        'metadata': {'camera': 'c1', 'pid': '0001', 'time': 1},
        'identity': '',
    }
    assert 'path' not in str(found)


def test_conditions_exclusions_and_groups(client, crop):
    assert ids(post(client, id=ID, where=['camera=c2', 'time>=4'])) != []
    assert all(i.startswith('c2/') for i in ids(post(client, id=ID, where=['camera=c2'])))
    assert len(post(client, id=ID, where=['time>=4'])['hits']) == 2
    assert len(post(client, id=ID, exclude=['camera'])['hits']) == 3
    files = as_file(crop.read_bytes())
    assert len(post(client, files=files, exclude=['camera=c1'])['hits']) == 3
    assert ID not in ids(post(client, files=files, exclude=['hash']))
    assert len(post(client, id=ID, group_by='pid')['hits']) == 3
    threshold = post(client, id=ID)['hits'][1]['similarity']
    assert len(post(client, id=ID, threshold=threshold)['hits']) == 2


def test_wrong_options_are_one_sentence_that_names_them(client, crop):
    assert 'camera' in refused(client, files=as_file(crop.read_bytes()), exclude=['camera'])
    for key, value in {
        'k': 0,
        'threshold': 3,
        'fmr': 0.1,
        'where': ['nothing'],
        'exclude': ['time>=1'],
        'group_by': 'a b',
        'box': '1,2,3,4',
        'colour': 1,
    }.items():
        error = refused(client, id=ID, **{key: value})
        assert {'where': 'nothing', 'group_by': 'a b'}.get(key, key) in error
    assert '200' in refused(client, id=ID, k=201)
    assert 'clothes' in refused(client, id=ID, where=['clothes=red'])
    assert 'nowhere' in refused(client, id='nowhere', status=404)
    assert 'image' in refused(client)
    assert 'image' in refused(client, files=as_file(crop.read_bytes()), id=ID)
    assert refused(client, id='\0')
    for content in (b'{', b'[' * 100_000, b'[]', b'{"id": "\\ud800"}', b'{"threshold": NaN}'):
        answer = client.post(
            '/api/search', content=content, headers={'Content-Type': 'application/json'}
        )
        assert answer.status_code in (400, 404), (content[:20], answer.text)
    assert client.post('/api/search', content=b'x').status_code == 400
    files = [('image', ('a.png', png())), ('image', ('b.png', png()))]
    assert client.post('/api/search', files=files).status_code == 400
    assert client.post('/api/search', files={'other': ('a.png', png())}).status_code == 400
    assert client.get('/api/search').status_code == 405
    assert client.get('/api/nothing').json() == {'error': 'Not Found'}


def test_compare(client, crop):
    content = crop.read_bytes()
    one = {'a': ('a.jpg', content), 'b': ('b.jpg', content)}
    assert post(client, '/api/compare', one)['similarity'] == pytest.approx(1, abs=1e-5)
    found = post(client, '/api/compare', a_id=ID, b_id='c2/0001_c2.jpg')
    assert set(found) == {'similarity', 'fingerprint'}
    assert 'b_id' in refused(client, '/api/compare', a_id=ID)


def test_with_a_card(serve, inferencer):
    card = sample_card(fingerprint=inferencer.fingerprint)
    client = serve(card=card)
    found = post(client, '/api/compare', a_id=ID, b_id=ID)
    assert found['answer'] == 'same'
    assert found['warnings'][0] == 'both images are the same file'
    found = post(client, id=ID, fmr=card.fmr_asked)
    assert found['threshold'] == card.same_threshold
    facts = client.get('/api/gallery').json()
    assert facts['card']['same_threshold'] == card.same_threshold
    assert facts['card']['det'][0]['threshold'] == -1
    assert {'answer', 'p_same'} <= set(post(client, id=ID)['hits'][0])
    assert 'fmr' in refused(client, id=ID, fmr=1e-9)


def test_50_searches_at_once_lose_none(client, crop):
    """Expected: 50 answers, each of its own query, with uploads and ids mixed."""
    out = []
    for number in range(25):
        image = io.BytesIO()
        Image.new('RGB', (32, 64), (number, 99, 255 - number)).save(image, format='PNG')
        out.append(image.getvalue())

    def search(number):
        if number % 2:
            return post(client, id=ID, k=5)
        return post(client, files=as_file(out[number // 2]), k=6)

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(search, range(50)))
    assert [len(one['hits']) for one in found] == [6, 5] * 25
    digests = {one['query'].get('upload') for one in found}
    assert digests == {None, *(hashlib.sha256(one + b'\0').hexdigest() for one in out)}
