"""Class of faults: an answer to somebody who should have none, or a request without a bound."""

import asyncio
import struct
import zlib

import pytest

from msvitreid.errors import ConfigError
from msvitreid.serving import Limits
from msvitreid.serving.guards import Rate, Token
from msvitreid.serving.guards.bounded import Answer, Body

from .conftest import as_file, png

TOKEN = 'a-token-of-24-characters'
URLS = (
    '/api/gallery',
    '/api/marks',
    '/api/identities',
    '/api/review/log',
    '/api/items',
    '/api/openapi.json',
    '/api/thumbnail?id=x',
)


def error_of(answer, status):
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ['error']
    return answer.json()['error']


@pytest.mark.parametrize(
    'host',
    [
        'evil.example',
        'localhost.evil.example',
        '10.0.0.1',
        '',
        '[',
        'evil.example@127.0.0.1',
        '127.0.0.1/evil',
        'local\thost',
    ],
)
def test_a_name_that_is_not_its_own_is_refused(client, host):
    error_of(client.get('/api/health', headers={'Host': host}), 421)


@pytest.mark.parametrize('host', ['localhost', 'LOCALHOST:8000', '127.0.0.1:1', '[::1]:8000'])
def test_its_own_names(client, host):
    assert client.get('/api/health', headers={'Host': host}).json()['status'] == 'ok'


def test_all_addresses_but_no_names_where_it_listens_on_all(serve):
    client = serve(hosts=['0.0.0.0', 'search.example'], token=TOKEN)
    for host, status in (
        ('10.0.0.1:8000', 200),
        ('search.example', 200),
        ('evil.example', 421),
    ):
        assert client.get('/api/health', headers={'Host': host}).status_code == status


def test_without_the_token_nothing_of_the_gallery_is_answered(serve):
    client = serve(token=TOKEN)
    for url in URLS:
        error_of(client.get(url), 401)
        for wrong in (
            '',
            'Bearer',
            'Bearer x',
            f'Basic {TOKEN}',
            f'Bearer {TOKEN}x',
            'Bearer ä',
        ):
            given = {'Authorization': wrong.encode('latin-1')}
            error_of(client.get(url, headers=given), 401)
    right = {'Authorization': f'Bearer {TOKEN}'}
    assert client.get('/api/gallery', headers=right).json()['images'] == 6
    page = client.get('/', follow_redirects=False)
    assert (page.status_code, page.headers['location']) == (303, '/login')
    review = client.get('/review', follow_redirects=False)
    assert (review.status_code, review.headers['location']) == (303, '/login')
    assert client.get('/login').status_code == 200
    assert client.get('/static/style.css').status_code == 200


def test_a_login_gives_a_cookie_that_is_not_the_token(serve):
    client = serve(token=TOKEN)
    wrong = client.post('/login', data={'token': 'x' * 24}, follow_redirects=False)
    assert wrong.headers['location'] == '/login#failed'
    assert 'set-cookie' not in wrong.headers
    right = client.post('/login', data={'token': TOKEN}, follow_redirects=False)
    cookie = right.headers['set-cookie']
    assert 'HttpOnly' in cookie
    assert 'samesite=strict' in cookie.lower()
    assert TOKEN not in cookie
    assert client.get('/api/gallery').status_code == 200
    assert serve(token=TOKEN).get('/api/gallery').status_code == 401


def test_a_token_that_could_be_guessed_is_refused():
    for token in ('', 'short', 'ä' * 20, 'a\n' * 20):
        with pytest.raises(ConfigError, match='token'):
            Token(token)


@pytest.mark.parametrize(
    'headers',
    [
        {'Origin': 'http://evil.example'},
        {'Origin': 'null'},
        {'Origin': 'http://127.0.0.1:9'},
        {'Sec-Fetch-Site': 'cross-site'},
    ],
)
def test_pages_of_other_sites_change_nothing(client, headers):
    body = {'query': 'c1/0000_c1.jpg', 'hit': 'c1/0001_c1.jpg', 'answer': 'same'}
    error_of(client.post('/api/marks', json=body, headers=headers), 403)
    assert client.get('/api/marks').json()['marks'] == []
    own = {'Origin': 'http://127.0.0.1:8000', 'Sec-Fetch-Site': 'same-origin'}
    assert client.post('/api/marks', json=body, headers=own).status_code == 200


def test_pages_of_other_sites_have_nothing_computed(client):
    """An image of ``/api/review/clusters`` on a page elsewhere kept a thread busy for minutes."""
    for site in ('cross-site', 'same-site'):
        headers = {'Sec-Fetch-Site': site}
        error_of(client.get('/api/review/clusters?similarity=0.5', headers=headers), 403)
        # A link to the page works.
        assert client.get('/', headers=headers).status_code == 200


def test_a_body_with_two_lengths_is_refused(client):
    headers = {'Transfer-Encoding': 'chunked', 'Content-Length': '2'}
    error_of(client.post('/api/marks', content=b'{}', headers=headers), 400)


def test_what_follows_an_early_answer_is_limited_too(client):
    """Chunks were received without end after an answer such as 404."""
    sent = []

    async def ask(count):
        left = count

        async def receive():
            nonlocal left
            left -= 1
            return {'type': 'http.request', 'body': bytes(2**20), 'more_body': left > 0}

        async def send(message):
            sent.append(message)

        headers = [(b'host', b'localhost'), (b'transfer-encoding', b'chunked')]
        scope = {'type': 'http', 'method': 'POST', 'path': '/none', 'headers': headers}
        scope |= {'query_string': b'', 'client': ('127.0.0.1', 1)}
        await client.app(scope, receive, send)
        return left, sent[0]['status'], dict(sent[0]['headers']).get(b'connection')

    assert asyncio.run(ask(3)) == (0, 404, None)
    sent.clear()
    assert asyncio.run(ask(1000)) == (979, 413, b'close')


def test_a_body_a_byte_at_a_time_is_not_waited_for():
    """Each part had 30 seconds of its own."""

    async def receive():
        await asyncio.sleep(0.05)
        return {'type': 'http.request', 'body': b' ', 'more_body': True}

    async def read():
        body = Body(receive, Limits(body_seconds=0.2, body_rate=1000), Answer(None))
        count = 0
        while (await body())['type'] == 'http.request':
            count += 1
        return count, body.refusal.status

    count, status = asyncio.run(read())
    assert 1 <= count <= 4
    assert status == 408


def test_cookies_of_other_servers_do_not_log_out(serve):
    client = serve(token=TOKEN)
    answer = client.post('/login', data={'token': TOKEN}, follow_redirects=False)
    cookie = answer.headers['set-cookie'].partition(';')[0]
    client.cookies.clear()
    for other in ('settings={"a": 1}', 'a b@[]=1', 'x'):
        given = {'Cookie': f'{other}; {cookie}'}
        assert client.get('/api/gallery', headers=given).status_code == 200


def test_a_large_body_is_refused_whether_it_says_so_or_not(serve):
    client = serve(limits=Limits(body_bytes=2000))
    large = png() + bytes(3000)
    assert '2,000' in error_of(client.post('/api/search', files=as_file(large)), 413)

    def parts():
        for _ in range(10):
            yield bytes(1000)

    for kind in ('application/json', 'multipart/form-data; boundary=x'):
        answer = client.post('/api/search', content=parts(), headers={'Content-Type': kind})
        error_of(answer, 413)
    assert client.post('/api/search', files=as_file(png())).status_code == 200


def test_too_many_requests(serve):
    client = serve(limits=Limits(requests_per_second=0.001, burst=3))
    assert [client.get('/api/health').status_code for _ in range(5)] == [200] * 3 + [429] * 2
    rate = Rate(1000, 1)
    assert [rate.admits(client) for client in 'aabb'] == [True, False, True, False]


def test_too_many_that_wait_for_the_net(serve):
    client = serve(limits=Limits(waiting=-1))
    error_of(client.post('/api/search', files=as_file(png())), 503)


def test_every_answer_has_the_headers_of_safety(client):
    for answer in (client.get('/'), client.get('/api/gallery'), client.get('/none')):
        policy = answer.headers['content-security-policy']
        assert policy.startswith("default-src 'self'; img-src 'self' blob: data:")
        assert 'unsafe' not in policy
        assert answer.headers['x-content-type-options'] == 'nosniff'
        assert answer.headers['referrer-policy'] == 'same-origin'
        assert answer.headers['cross-origin-resource-policy'] == 'same-origin'
    assert client.get('/api/gallery').headers['cache-control'] == 'no-store'
    assert 'server' not in client.get('/').headers


def chunk(kind, content):
    body = kind + content
    return struct.pack('>I', len(content)) + body + struct.pack('>I', zlib.crc32(body))


def png_that_claims(width, height):
    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    data = chunk(b'IDAT', zlib.compress(bytes(1000)))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + data + chunk(b'IEND', b'')


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ('content', 'part'),
    [
        (png_that_claims(30_000, 30_000), '67,108,864'),
        (SVG, 'not an image'),
        (b'<html><script>alert(1)</script></html>', 'not an image'),
        (b'%PDF-1.4', 'not an image'),
        (b'PK\3\4' + bytes(50), 'not an image'),
        (b'', 'empty'),
        (png()[:-20], 'cut short'),
        (b'/etc/passwd', 'not an image'),
    ],
)
def test_hostile_uploads_are_refused_in_a_sentence(client, content, part):
    for name in (
        'a.png',
        '../../etc/passwd',
        '<img src=x onerror=alert(1)>.png',
        '/etc/passwd',
    ):
        answer = client.post('/api/search', files=as_file(content, name, 'image/png'))
        error = error_of(answer, 400)
        assert error.startswith('the uploaded image')
        assert part in error
        assert 'etc' not in error
        assert 'Traceback' not in error


def test_an_unexpected_error_is_a_sentence_without_its_trace(client, monkeypatch, caplog):
    monkeypatch.setattr('msvitreid.serving.service.parse_conditions', lambda *_: 1 / 0)
    answer = client.get('/api/items')
    assert 'division' not in error_of(answer, 500)
    assert 'division by zero' in caplog.text
    assert 'content-security-policy' in answer.headers


def test_the_file_of_an_upload_is_kept_nowhere(client, tmp_path, made):
    before = sorted(made.rglob('*'))
    assert client.post('/api/search', files=as_file(png())).status_code == 200
    assert sorted(p.name for p in tmp_path.iterdir()) == ['marks.sqlite']
    assert sorted(made.rglob('*')) == before
