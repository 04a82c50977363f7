"""Class of faults: a file that is given out but is no image of the gallery, or a name that runs."""

import io

import numpy as np
import pytest
from PIL import Image

from msvitreid.gallery import create_gallery
from tests.apis.indexing.crops import draw

HOSTILE = '<img src=x onerror=alert(1)>/../"\'&?#%2e%2e.jpg'


@pytest.fixture
def odd(tmp_path, inferencer, serve):
    """A client of a gallery with names and paths that somebody means harm with."""
    crop = tmp_path / 'crop.png'
    draw(crop, 1)
    secret = tmp_path / 'secret.txt'
    secret.write_text('a secret')
    svg = tmp_path / 'x.svg'
    svg.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    metadata = {
        HOSTILE: {'path': str(crop), 'pid': '<script>alert(2)</script>'},
        'secret.jpg': {'path': str(secret)},
        'svg.jpg': {'path': str(svg)},
        'folder.jpg': {'path': str(tmp_path)},
        'gone.jpg': {'path': str(tmp_path / 'gone.jpg')},
        'relative.jpg': {'path': 'crop.png'},
        'number.jpg': {'path': 1},
        'none.jpg': {},
        '../crop.png': {'path': '/nowhere'},
    }
    vectors = np.eye(len(metadata), inferencer.dimension, dtype=np.float32)
    gallery = create_gallery(
        tmp_path / 'g' / 'odd', inferencer.dimension, inferencer.fingerprint
    )
    gallery.add([*metadata], vectors, [*metadata.values()])
    yield lambda **options: serve(gallery, **options)
    gallery.close()


def test_facts_of_the_gallery(client, inferencer):
    facts = client.get('/api/gallery').json()
    assert facts['images'] == 6
    assert facts['fingerprint'] == inferencer.fingerprint
    assert facts['columns'] == {
        'camera': ['c1', 'c2'],
        'pid': ['0000', '0001', '0002'],
        'time': [0, 1, 2, 3, 4, 5],
    }
    assert facts['card'] is None


def test_items_page_by_page(client):
    first = client.get('/api/items', params={'limit': 4}).json()['items']
    after = {'after': first[-1]['id'], 'limit': 4}
    second = client.get('/api/items', params=after).json()['items']
    assert [len(first), len(second)] == [4, 2]
    assert first[0] == {
        'id': 'c1/0000_c1.jpg',
        'metadata': {'camera': 'c1', 'pid': '0000', 'time': 0},
    }
    some = client.get('/api/items', params={'where': ['camera=c2', 'time<5']}).json()['items']
    assert [one['id'] for one in some] == ['c2/0000_c2.jpg', 'c2/0001_c2.jpg']
    rest = client.get('/api/items', params={'start': second[0]['id']}).json()['items']
    assert rest == second
    rest = client.get('/api/items', params={'start': 'c2', 'after': second[0]['id']})
    assert rest.json()['items'] == second[1:]
    for wrong in (
        {'limit': 0},
        {'limit': 201},
        {'limit': 'x'},
        {'after': 'a', 'where': 'id=b'},
        {'start': 'a', 'where': 'id=b'},
        {'where': 'clothes=red'},
    ):
        answer = client.get('/api/items', params=wrong)
        assert answer.status_code == 400
        error = answer.json()['error']
        assert 'limit' in error or 'id' in error or 'clothes' in error


@pytest.mark.parametrize(('url', 'size'), [('image', (32, 64)), ('thumbnail', (32, 64))])
def test_an_image_by_any_id(client, odd, url, size):
    for answer in (
        client.get(f'/api/{url}', params={'id': 'c1/0001_c1.jpg'}),
        odd().get(f'/api/{url}', params={'id': HOSTILE}),
    ):
        assert answer.headers['content-type'] == 'image/jpeg'
        assert 'private' in answer.headers['cache-control']
        with Image.open(io.BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ('JPEG', size)


@pytest.mark.parametrize(
    'id_',
    [
        'secret.jpg',
        'svg.jpg',
        'folder.jpg',
        'gone.jpg',
        'relative.jpg',
        'number.jpg',
        'none.jpg',
        '../crop.png',
        '/etc/passwd',
        '../../etc/passwd',
        'c1/../../crop.png',
        '\0',
    ],
)
def test_nothing_but_images_of_the_gallery_is_given_out(odd, id_, tmp_path):
    client = odd()
    for url in ('/api/image', '/api/thumbnail'):
        answer = client.get(url, params={'id': id_})
        assert answer.status_code in (400, 404)
        assert list(answer.json()) == ['error']
        assert 'secret' not in answer.text.replace('secret.jpg', '')
        assert str(tmp_path) not in answer.text


def test_with_a_root_ids_do_not_lead_out_of_it(odd, tmp_path):
    (tmp_path / 'root').mkdir()
    draw(tmp_path / 'root' / 'none.jpg', 5)
    client = odd(root=str(tmp_path / 'root'))
    assert client.get('/api/image', params={'id': 'none.jpg'}).status_code == 200
    assert client.get('/api/image', params={'id': '../crop.png'}).status_code == 404
    assert client.get('/static/../app.py').status_code == 404
    assert client.get('/static/%2e%2e/app.py').status_code == 404


def test_a_large_image_is_given_out_small_and_a_changed_one_again(odd, tmp_path):
    client = odd()
    assert client.get('/api/thumbnail', params={'id': HOSTILE}).status_code == 200
    Image.new('RGB', (3000, 2000), 'red').save(tmp_path / 'crop.png')
    for url, width in (('image', 1600), ('thumbnail', 256)):
        content = client.get(f'/api/{url}', params={'id': HOSTILE}).content
        with Image.open(io.BytesIO(content)) as image:
            assert image.width == width


def test_the_description_needs_no_other_server(client):
    described = client.get('/api/openapi.json').json()
    assert set(described['paths']) == {
        '/api/search',
        '/api/embed',
        '/api/compare',
        '/api/gallery',
        '/api/items',
        '/api/image',
        '/api/thumbnail',
        '/api/marks',
        '/api/marks/undo',
        '/api/marks/bulk',
        '/api/marks/bulk/undo',
        '/api/marks/export.csv',
        '/api/identities',
        '/api/identities/of',
        '/api/identities/name',
        '/api/identities/merge',
        '/api/identities/merge/scope',
        '/api/identities/split',
        '/api/identities/split/scope',
        '/api/review/aside',
        '/api/review/outliers',
        '/api/review/outliers/fine',
        '/api/review/outliers/detach',
        '/api/review/clusters',
        '/api/review/clusters/confirm',
        '/api/review/clusters/reject',
        '/api/review/log',
        '/api/review/undo',
        '/api/health',
    }
    for path, methods in described['paths'].items():
        for method in methods.values():
            assert method['description'], path
    body = described['paths']['/api/search']['post']['requestBody']['content']
    assert {'image', 'id', 'k', 'where', 'exclude'} <= set(
        body['multipart/form-data']['schema']['properties']
    )
    assert client.get('/docs').status_code == client.get('/redoc').status_code == 404
