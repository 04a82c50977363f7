"""Class of faults: clients that say nothing, or take nothing, and keep all others out."""

import socket
import threading
import time

import pytest
import uvicorn

from msvitreid.serving import connections
from msvitreid.serving.connections import BoundedConnection

LENGTH = 64 * 2**20


async def app(scope, receive, send):
    large = scope['path'] == '/large'
    length = LENGTH if large else 2
    headers = [(b'content-length', str(length).encode())]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': bytes(length) if large else b'ok'})


@pytest.fixture
def connect(monkeypatch):
    monkeypatch.setattr(connections, 'HEADER_SECONDS', 0.5)
    monkeypatch.setattr(connections, 'STALL_SECONDS', 0.5)
    monkeypatch.setattr(connections, 'MOST_OF_ONE', 3)
    listening = socket.create_server(('127.0.0.1', 0))
    options = {'http': BoundedConnection, 'lifespan': 'off', 'log_level': 'error'}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=server.run, kwargs={'sockets': [listening]})
    thread.start()
    opened = []

    def connect(text=b''):
        one = socket.create_connection(listening.getsockname(), timeout=20)
        opened.append(one)
        one.sendall(text)
        return one

    yield connect
    for one in opened:
        one.close()
    server.should_exit = True
    thread.join(20)
    listening.close()


def received(connection):
    """All bytes until the server ends the connection."""
    found = b''
    try:
        while part := connection.recv(2**20):
            found += part
    except ConnectionError:
        pass
    return found


def answer_of(connection):
    found = b''
    while not found.endswith(b'ok') and (part := connection.recv(1000)):
        found += part
    return found


@pytest.mark.parametrize('text', [b'', b'GET / HTTP/1.1\r\nHost: loc'])
def test_a_header_is_not_waited_for(connect, text):
    assert received(connect(text)) == b''


def test_nor_is_one_that_comes_a_byte_at_a_time(connect):
    connection = connect(b'GET / HTTP/1.1\r\n')
    sent = 0
    try:
        while sent < 200:
            connection.sendall(b'X')
            sent += 1
            time.sleep(0.05)
    except ConnectionError:
        pass
    assert sent < 200


def test_several_requests_of_one_connection_are_answered(connect):
    connection = connect()
    for _ in range(4):
        time.sleep(0.2)
        connection.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
        assert answer_of(connection).endswith(b'ok')


def test_a_client_that_takes_nothing_is_left(connect):
    """Expected: less than the 64 MiB of the answer; they wait nowhere."""
    connection = connect(b'GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
    time.sleep(2)
    assert len(received(connection)) < LENGTH


def test_one_that_takes_it_slowly_has_all(connect):
    connection = connect(b'GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    count = 0
    while part := connection.recv(2**22):
        count += len(part)
        time.sleep(0.02)
    assert count > LENGTH


def test_one_address_has_a_part_of_all_connections(connect):
    first = [connect() for _ in range(3)]
    time.sleep(0.1)
    assert received(connect(b'')) == b''
    for one in first:
        one.close()
    time.sleep(0.2)
    assert answer_of(connect(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).endswith(b'ok')
