"""``msvitreid embed``, ``index`` and ``search``: what they print, exit codes, hostile input."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from msvitreid.cli.image_options import Done, finish
from msvitreid.gallery import open_gallery
from tests.apis.indexing.crops import draw, draw_crops
from tests.apis.tiny_model import write_tiny_model
from tests.apis.verification.sample_card import sample_card
from tests.test_import import OF_TORCH

from .command import command

NO_COLOR = {**os.environ, 'OMP_NUM_THREADS': '1'}


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with crops without labels."""
    monkeypatch.chdir(tmp_path)
    draw_crops(tmp_path / 'crops')
    return tmp_path


@pytest.fixture
def gallery(folder, model):
    assert command('index', 'add', 'g', model, 'crops', '--camera-from', r'_c(\d)').code == 0
    return folder / 'g'


def document(outcome):
    """The one JSON document on stdout."""
    return json.loads(outcome.out)


def refused(*arguments):
    """What is said by a command that is not done: one sentence."""
    outcome = command(*arguments)
    assert (outcome.code, outcome.out) == (2, ''), outcome
    assert outcome.err.count('\n') == 1, outcome.err
    assert outcome.err.startswith('error: ')
    return outcome.err


@pytest.mark.parametrize('suffix', ['npz', 'csv', 'parquet'])
def test_embed(folder, model, suffix):
    if suffix == 'parquet':
        pytest.importorskip('pyarrow')
    (folder / 'crops' / 'broken.jpg').write_text('no')
    outcome = command('embed', model, 'crops', '--out', f'new/e.{suffix}', '--json')
    assert outcome.code == 1
    found = document(outcome)
    assert (found['images'], found['dimension']) == (6, 80)
    assert list(found['failed']) == ['crops/broken.jpg']
    assert os.listdir('new') == [f'e.{suffix}']
    assert 'broken.jpg' in refused(
        'embed', model, 'crops', '--out', f'e.{suffix}', '--on-error', 'raise'
    )
    assert not os.path.exists(f'e.{suffix}')


def test_a_batch_larger_than_a_machine_can_count(folder, model):
    """Numbers of any length in an option; class of faults: a traceback of the runtime's."""
    batch = ('--batch-size', 10**30)
    assert command('embed', model, 'crops', '--out', 'e.npz', *batch).code == 0


def test_embed_writes_nothing_among_the_images(folder, model):
    assert 'crops' in refused('embed', model, 'crops', '--out', 'crops/e.npz')
    assert 'e.jpg' in refused('embed', model, 'crops', '--out', 'e.jpg')
    assert 'gone' in refused('embed', model, 'gone', '--out', 'e.npz')
    (folder / 'list.csv').write_text('crops/c1/0000_c1.jpg\n')
    assert 'list.csv' in refused('embed', model, '@list.csv', '--out', 'list.csv')
    assert command('embed', model, '@list.csv', '--out', 'e.npz').code == 0
    with np.load('e.npz') as archive:
        assert archive['embeddings'].shape == (1, 80)


def test_add_twice_and_what_is_printed(folder, model):
    add = ('index', 'add', 'g', model, 'crops')
    (folder / 'crops' / 'broken.jpg').write_text('no')
    outcome = command(*add)
    assert outcome.code == 1
    assert outcome.out.startswith('6 images added, 0 updated')
    assert outcome.err.startswith('failed: ')
    os.remove(folder / 'crops' / 'broken.jpg')
    os.remove(folder / 'crops' / 'c1' / '0000_c1.jpg')
    draw(folder / 'crops' / 'c1' / '0001_c1.jpg', 99)
    outcome = command(*add, '--json')
    assert outcome.code == 0
    found = document(outcome)
    assert found['missing'] == ['c1/0000_c1.jpg']
    assert [found[key] for key in ('added', 'updated', 'skipped', 'removed', 'items')] == [
        0,
        1,
        4,
        0,
        6,
    ]
    assert document(command(*add, '--json', '--prune'))['items'] == 5


def test_verify_says_what_is_damaged(gallery):
    assert command('index', 'verify', 'g').out == '6 images, 0 problems\n'
    (vectors,) = gallery.glob('vectors-*.bin')
    content = bytearray(vectors.read_bytes())
    content[40] ^= 255
    vectors.write_bytes(content)
    outcome = command('index', 'verify', 'g', '--json')
    assert outcome.code == 1
    assert 'checksum' in document(outcome)['problems'][0]
    assert 'damaged: ' in outcome.err


def test_remove_list_compact_copy_and_build(gallery):
    assert command('index', 'remove', 'g', 'c1/0000_c1.jpg', 'c2/0000_c2.jpg').code == 0
    assert "'x'" in refused('index', 'remove', 'g', 'c1/0001_c1.jpg', 'x')
    listed = document(command('index', 'list', 'g', '--where', 'camera=2', '--json'))
    assert [item['id'] for item in listed['listed']] == ['c2/0001_c2.jpg', 'c2/0002_c2.jpg']
    assert len(listed['listed'][0]['hash']) == 64
    assert (listed['items'], listed['dimension'], listed['precision']) == (4, 80, 'float32')
    assert command('index', 'compact', 'g').code == 0
    (vectors,) = gallery.glob('vectors-*.bin')
    assert vectors.stat().st_size == 4 * 80 * 4
    copied = command('index', 'copy', 'g', 'h', '--precision', 'int8')
    assert copied.out.startswith('4 images added')
    assert document(command('index', 'copy', 'g', 'h', '--json'))['skipped'] == 4
    assert 'int8' in refused('index', 'copy', 'g', 'h', '--precision', 'float16')
    pytest.importorskip('faiss')
    assert '1.9' in refused('index', 'build', 'g', '--min-recall', '1.9')
    assert document(command('index', 'build', 'g', '--json'))['recall'] == 1
    found = document(
        command('search', 'g', '--id', 'c1/0001_c1.jpg', '--recall', '0.9', '--json')
    )
    assert 'hnsw' in found['exactness']


def test_search_as_json(gallery, model):
    (gallery.parent / 'text.jpg').write_text('no image')
    query = 'crops/c1/0001_c1.jpg'
    outcome = command('search', 'g', model, '-k', '2', query, 'text.jpg', '--json')
    assert outcome.code == 1
    found = document(outcome)
    assert (found['exactness'], found['threshold']) == ('exact', None)
    assert list(found['failed']) == ['text.jpg']
    (row,) = found['queries']
    assert row['query'] == query
    assert row['hits'][0]['id'] == 'c1/0001_c1.jpg'
    assert len(row['hits']) == 2
    assert row['hits'][0]['metadata']['camera'] == '1'


def test_the_threshold_of_a_card(gallery, model):
    with open_gallery(gallery, readonly=True) as opened:
        fingerprint = opened.fingerprint
    card = sample_card()
    card.save('other.json')
    assert 'other.json' in refused(
        'search', 'g', '--id', 'c1/0001_c1.jpg', '--card', 'other.json'
    )
    own = type(card)(**{**vars(card), 'fingerprint': fingerprint})
    own.save('card.json')
    search = ('search', 'g', model, 'crops/c1/0001_c1.jpg', '--card', 'card.json', '--json')
    assert document(command(*search))['threshold'] == card.same_threshold
    rate = max(point.fmr for point in card.det)
    lower = document(command(*search, '--fmr', rate))
    assert lower['threshold'] < card.same_threshold
    assert all(hit['similarity'] >= lower['threshold'] for hit in lower['queries'][0]['hits'])


def test_a_picture_never_overwrites_an_image(gallery, model):
    query = 'crops/c1/0001_c1.jpg'
    for show in (query, 'crops/c2/0000_c2.jpg', 'ranking.bmp', 'crops'):
        before = (gallery.parent / 'crops/c2/0000_c2.jpg').read_bytes()
        refused('search', 'g', model, query, '--show', show)
        assert (gallery.parent / 'crops/c2/0000_c2.jpg').read_bytes() == before
    assert command('search', 'g', model, query, '--show', 'new/r.jpg').code == 0
    assert os.listdir('new') == ['r.jpg']


def test_no_output_replaces_a_file_that_a_pattern_or_a_list_names(gallery, model):
    """Outputs that take the place of inputs."""
    draw(gallery.parent / 'own' / 'q.jpg', 3)
    (gallery.parent / 'list.txt').write_text('own/q.jpg\n')
    before = (gallery.parent / 'own' / 'q.jpg').read_bytes()
    for query in ('own/*.jpg', '@list.txt'):
        assert 'own/q.jpg' in refused('search', 'g', model, query, '--show', 'own/q.jpg')
    refused('search', 'g', '--id', 'c1/0000_c1.jpg', '--show', 'g/hits.png')
    by_root = ('--root', 'crops', '--show', 'crops/c1/0000_c1.jpg')
    refused('search', 'g', '--id', 'c1/0000_c1.jpg', *by_root)
    assert (gallery.parent / 'own' / 'q.jpg').read_bytes() == before


def test_no_gallery_is_made_in_a_gallery(gallery):
    """Commands after which the source cannot be opened any more."""
    refused('index', 'copy', 'g', 'g/backup')
    refused('index', 'copy', 'g', 'g/new/backup')
    assert command('index', 'verify', 'g').code == 0


def test_ids_with_line_breaks_stay_on_one_line(gallery, model):
    draw(gallery.parent / 'crops' / 'a\nb\x1b[2J.jpg', 5)
    assert command('index', 'add', 'g', model, 'crops').code == 0
    outcomes = [
        command('index', 'list', 'g'),
        command('search', 'g', '--id', 'a\nb\x1b[2J.jpg', '--show', 'r.png'),
    ]
    for outcome in outcomes:
        assert outcome.code == 0
        assert '\x1b' not in outcome.out
        assert len(outcome.out.splitlines()) in (8, 7)
    assert command('index', 'remove', 'g', 'a\nb\x1b[2J.jpg').code == 0


@pytest.mark.parametrize(
    ('arguments', 'match'),
    [
        (('search', 'g', '--id', 'none'), 'none'),
        (('search', 'none', '--id', 'none'), 'none'),
        (('search', 'crops', '--id', 'none'), 'no gallery'),
        (('search', 'g', 'MODEL', 'none.jpg'), r'none\.jpg'),
        (('search', 'g', 'MODEL', 'text.jpg'), r'text\.jpg'),
        (('search', 'g', 'text.jpg', 'text.jpg'), r'text\.jpg'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--where', 'camera!=1'), 'camera!=1'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--where', 'camrea=1'), 'camrea'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--threshold', 'nan'), 'threshold'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--exclude-same', 'a b'), 'a b'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--group-by', "x'"), "x'"),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--recall', '0.9'), 'index'),
        (('search', 'g', '--id', 'c1/0001_c1.jpg', '--card', 'text.jpg'), r'text\.jpg'),
        (('index', 'add', 'crops/g', 'MODEL', 'crops'), 'crops/g'),
        (('index', 'add', 'crops', 'MODEL', 'crops'), 'crops'),
        (('index', 'add', 'linked', 'MODEL', 'crops'), 'linked'),
        (('index', 'add', 'g', 'MODEL', 'crops', '--camera-from', '('), 'camera'),
        (('index', 'add', 'g', 'MODEL', 'crops', '--metadata', 'up.csv'), r'up\.csv, line 2'),
        (('index', 'add', 'g', 'MODEL', 'crops', '--precision', 'int8'), 'int8'),
        (('index', 'add', 'new', 'no.safetensors', 'crops', '--precision', 'int4'), 'int4'),
        (('index', 'copy', 'g', 'new', '--precision', 'int4'), 'float32, float16, int8'),
        (('index', 'add', 'g', 'MODEL', 'crops', '--root', 'crops/c1'), 'root'),
        (('index', 'add', 'mine://host/x', 'MODEL', 'crops'), 'mine'),
        (('index', 'list', 'dangling'), 'dangling'),
        (('index', 'list', 'with_link'), 'with_link'),
        (('index', 'remove', 'g', '--where', 'camrea=1'), 'camrea'),
        (('index', 'reembed', 'g', 'h', 'MODEL'), 'already'),
        (('embed', 'MODEL', 'crops', '--out', 'e.npz', '--device', 'tpu'), 'tpu'),
    ],
)
def test_hostile_and_mistaken_arguments(gallery, model, arguments, match):
    folder = gallery.parent
    (folder / 'text.jpg').write_text('no image')
    (folder / 'up.csv').write_text('path,pid\n../../etc/passwd,1\n')
    (folder / 'dangling').symlink_to('nowhere')
    (folder / 'linked').symlink_to('crops')
    (folder / 'with_link').mkdir()
    (folder / 'with_link' / 'gallery.sqlite').symlink_to(gallery / 'gallery.sqlite')
    before = sorted(str(path) for path in folder.rglob('*') if 'lock' not in path.name)
    words = [model if word == 'MODEL' else word for word in arguments]
    assert re.search(match, refused(*words))
    after = sorted(str(path) for path in folder.rglob('*') if 'lock' not in path.name)
    assert after == before
    assert len(list((folder / 'crops').rglob('*.jpg'))) == 6


@pytest.mark.parametrize(
    'arguments',
    [
        ('search', 'g'),
        ('search', 'g', 'm'),
        ('search', 'g', '--id', 'x', '-k', '0'),
        ('search', 'g', '--id', 'x', '--fmr', '0.1'),
        ('search', 'g', '--id', 'x', '--card', 'c', '--threshold', '0.1'),
        ('index',),
        ('index', 'ad'),
        ('index', 'remove', 'g'),
        ('index', 'remove', 'g', 'x', '--where', 'a=1'),
        ('index', 'add', 'g', 'm', 'i', '--commit-every', '-1'),
        ('embed', 'm', 'i'),
    ],
)
def test_usage(arguments):
    outcome = command(*arguments)
    assert (outcome.code, outcome.out) == (2, '')
    assert outcome.err.startswith('usage: msvitreid ')


INDEX = ['add', 'remove', 'list', 'verify', 'copy', 'compact', 'build', 'reembed']


@pytest.mark.parametrize(
    'name',
    ['embed', 'index', *(f'index {one}' for one in INDEX), 'search', 'compare', 'calibrate',
     'cluster', 'export', 'doctor', 'embed-tracks'],
)  # fmt: skip
def test_help_has_an_example_the_exit_codes_and_json(name):
    outcome = command(*name.split(), '--help')
    assert outcome.code == 0
    assert f'example:\n  msvitreid {name}' in outcome.out
    assert re.search(r'exit codes:\n  0  .*\n(  1  .*\n)?  2  not done', outcome.out)
    assert '--json ' in outcome.out or name == 'index'


def test_the_picture_of_a_search(gallery, model):
    outcome = command('search', 'g', model, 'crops/c1', '-k', 3, '--show', 'new/ranking.jpg')
    assert outcome.code == 0, outcome.err
    with Image.open('new/ranking.jpg') as picture:
        assert picture.format == 'JPEG'
        assert min(picture.size) > 100


@pytest.mark.parametrize(
    'arguments',
    [
        ['index', 'list', 'g'],
        ['cluster', 'g', '--threshold', '0.5', '--out', 'c.csv', '--json'],
        ['compare', 'MODEL', 'crops/c1/0000_c1.jpg', 'crops/c1/0001_c1.jpg'],
    ],
)
def test_output_that_is_not_read_to_its_end(arguments, gallery, model):
    """As by ``| head -1``; class of faults: a traceback where there is no fault."""
    code = (
        'import os, sys; from msvitreid.cli.main import console\n'
        'os.close(sys.stdin.fileno())\n'
        'sys.stdout = open(1, "w", buffering=1); console()'
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            code,
            *(str(model) if one == 'MODEL' else one for one in arguments),
        ],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=NO_COLOR,
    )
    os.close(writing)
    assert (done.returncode, OF_TORCH.sub('', done.stderr)) == (0, '')


def test_a_command_that_is_ended_clears_up(tmp_path):
    """Files half written that SIGTERM leaves, which ends Python without an exception."""
    code = (
        'import argparse, os, signal, tempfile\n'
        'from msvitreid.cli.image_options import finish\n'
        'def command(args):\n'
        '    with tempfile.TemporaryDirectory(dir="."):\n'
        '        os.kill(os.getpid(), signal.SIGTERM)\n'
        'finish(argparse.Namespace(json=False), command)'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, env=NO_COLOR)
    assert done.returncode in (143, -15)
    assert not any(tmp_path.iterdir())


def test_numbers_that_json_lacks_are_null(capsys):
    """A JSON document that other readers refuse."""
    figures = {'a': [float('nan'), 1.5], 'b': (float('inf'),)}
    finish(argparse.Namespace(json=True), lambda _: Done(figures, ''))
    assert json.loads(capsys.readouterr().out) == {'a': [None, 1.5], 'b': [None]}


@pytest.mark.slow
def test_under_torchrun(folder, model):
    launch = [
        sys.executable,
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc-per-node',
        '2',
    ]
    arguments = ['-m', 'msvitreid', 'index', 'add', 'g', str(model), 'crops', '--json']
    done = subprocess.run(
        [*launch, *arguments],
        capture_output=True,
        text=True,
        env={**NO_COLOR, 'CUDA_VISIBLE_DEVICES': ''},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)['added'] == 6
    assert command('index', 'verify', 'g').code == 0
