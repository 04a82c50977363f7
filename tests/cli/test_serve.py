"""Class of faults: a server that others reach without a token, or that loses what it was given."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest

pytest.importorskip('fastapi')
pytest.importorskip('uvicorn')

from msvitreid.apis import ReIDInferencer
from msvitreid.apis.indexing import index_images, list_image_files, open_or_create_gallery
from msvitreid.cli.serve import is_loopback
from tests.apis.indexing.crops import draw_crops
from tests.apis.tiny_model import write_tiny_model
from tests.apis.verification.sample_card import sample_card

from .command import command


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('serve')
    write_tiny_model(folder)
    draw_crops(folder / 'crops')
    inferencer = ReIDInferencer(folder / 'model.safetensors', device='cpu')
    names = inferencer.dimension, inferencer.fingerprint
    with open_or_create_gallery(folder / 'people.gallery', *names) as gallery:
        index_images(gallery, inferencer, list_image_files([folder / 'crops']))
    return folder


class Server:
    """``msvitreid serve`` in a process of its own."""

    def __init__(self, folder, *options, gallery='people.gallery'):
        words = ['serve', gallery, 'model.safetensors', '--port', '0', *options]
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'msvitreid', *words, '--device', 'cpu'],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A suite that a shell started in the background ignores Ctrl-C, and so do its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.printed = []
        for line in self.process.stdout:
            self.printed.append(line.strip())
            if line.startswith('serving'):
                break
        found = re.search(r':(\d+)/', self.printed[-1]) if self.printed else None
        assert found, self.process.communicate()
        self.url = f'http://127.0.0.1:{found[1]}'

    def get(self, path, **headers):
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path, body):
        headers = {'Content-Type': 'application/json'}
        data = json.dumps(body).encode()
        return self._ask(urllib.request.Request(self.url + path, data, headers))

    def _ask(self, request):
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def end(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def test_a_mark_that_was_answered_survives_sigterm_and_none_is_halved(made):
    """Expected: exit code 0, and in the file every mark that a client was told of."""
    server = Server(made)
    ids = [item['id'] for item in server.get('/api/items')['items']]
    pairs = [(a, b) for a in ids for b in ids if a != b]
    answered, begun = [], threading.Event()

    def mark(start):
        for number in range(start, 10_000, 4):
            query, hit = pairs[number % len(pairs)]
            answer = ('same', 'different', 'cannot tell')[number % 7 % 3]
            body = {'query': query, 'hit': hit, 'answer': answer}
            try:
                answered.append(server.post('/api/marks', body)['number'])
            except OSError:
                return
            if len(answered) > 20:
                begun.set()

    threads = [threading.Thread(target=mark, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    code, _, err = server.end()
    for thread in threads:
        thread.join()
    assert code == 0
    # Old versions of torch warn of mmengine.
    assert 'Traceback' not in err
    with sqlite3.connect(made / 'people.gallery.marks.sqlite') as database:
        (fault,) = database.execute('PRAGMA integrity_check').fetchone()
        rows = database.execute('SELECT number, query, hit, answer FROM log').fetchall()
    assert fault == 'ok'
    assert set(answered) <= {row[0] for row in rows}
    # No more than the requests that were running were written without being answered.
    assert len(rows) <= len(set(answered)) + 4
    assert sorted(os.listdir(made)) == [
        'averaged.pth',
        'crops',
        'model.safetensors',
        'people.gallery',
        'people.gallery.marks.sqlite',
    ]


def test_another_host_has_a_token_that_is_printed(made, tmp_path):
    options = ['--host', '0.0.0.0', '--marks', str(tmp_path / 'm.sqlite')]
    # The gallery is made here: one command from a folder of images to the page.
    options += ['--images', 'crops', 'crops/none.jpg', '--camera-from', '_c([0-9]+)']
    (made / 'crops' / 'none.jpg').write_bytes(b'no image')
    server = Server(made, *options, gallery=str(tmp_path / 'new.gallery'))
    (token,) = [line.removeprefix('token: ') for line in server.printed if 'token: ' in line]
    assert len(token) >= 40
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.get('/api/gallery')
    assert caught.value.code == 401
    facts = server.get('/api/gallery', Authorization=f'Bearer {token}')
    assert facts['images'] == 6
    assert facts['columns']['camera'] == ['1', '2']
    code, _, err = server.end(signal.SIGINT)
    assert code == 130
    (failed,) = [line for line in err.splitlines() if line.startswith('failed: ')]
    assert 'none.jpg' in failed
    assert '6 images added' in err


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--token', 'short'], 'token'),
        (['--marks', 'people.gallery/marks.sqlite'], 'people.gallery/marks.sqlite'),
        (['--marks', 'crops'], 'crops'),
        (['--card', 'nowhere.json'], 'nowhere.json'),
        (['--card', 'card.json'], 'card.json'),
        (['--images', 'nowhere'], 'nowhere'),
        (['--camera-from', '_c([0-9]+)'], '--camera-from'),
        (['--images', '.'], 'people.gallery'),
        (['--host', '192.0.2.1'], '192.0.2.1'),
        (['--host', 'no such name'], 'no such name'),
    ],
)
def test_what_cannot_be_served_is_one_sentence(made, monkeypatch, options, words):
    monkeypatch.chdir(made)
    sample_card().save('card.json')
    done = command(
        'serve',
        'people.gallery',
        'model.safetensors',
        '--device',
        'cpu',
        '--port',
        '0',
        *options,
    )
    os.unlink('card.json')
    assert done.code == 2
    assert done.err.startswith('error: ')
    assert words in done.err
    assert done.err.count('\n') == 1


def test_addresses_of_this_machine_only():
    assert all(map(is_loopback, ('localhost', '127.0.0.1', '127.9.9.9', '::1')))
    assert not any(map(is_loopback, ('0.0.0.0', '::', '10.0.0.1', 'localhost.example', '')))
    assert command('serve', 'g', 'm', '--port', '65536').code == 2
