import json
import shlex

import pytest

from .command import command

PIXELS = b'P6 1 1 255\n'


@pytest.fixture
def crops(tmp_path):
    """Eight people with images of two cameras, in files that need no decoding."""
    for pid in range(8):
        folder = tmp_path / 'my crops' / f'p{pid}'
        folder.mkdir(parents=True)
        for number in range(4):
            content = PIXELS + bytes([pid, number, 0])
            (folder / f'{number}_c{number % 2}.ppm').write_bytes(content)
    return tmp_path / 'my crops'


def test_it_says_what_it_did_and_what_comes_next(crops):
    done = command('split', crops, '--camera-pattern', r'_c(\d+)', '--test-fraction', '0.5')
    assert done.code == 0, done.err
    assert '16 images  4 identities  2 cameras' in done.out
    *_, last = done.out.splitlines()
    assert shlex.split(last)[-2:] == ['--data-root', str(crops / 'split.csv')]


def test_a_list_elsewhere_is_named_to_the_run(crops, tmp_path):
    out = tmp_path / 'lists' / 'mine.csv'
    *_, last = command('split', crops, '--out', out).out.splitlines()
    assert shlex.split(last)[-3:] == [str(crops), '--cfg-options', f'csv={out}']


def test_json(crops):
    document = json.loads(command('split', crops, '--json', '--seed', '3').out)
    assert document['options']['seed'] == 3
    assert document['train'] == {'images': 24, 'identities': 6, 'cameras': 0}


@pytest.mark.parametrize(
    'arguments',
    [
        ['--out', 'list.txt'],
        ['--test-fraction', 'half'],
        ['--test-fraction', '1'],
        ['--single-images', 'query'],
        ['--queries-per-camera', '0'],
        ['--seed', '-1'],
        ['--camera-pattern', '('],
    ],
    ids=' '.join,
)
def test_bad_options(crops, arguments):
    done = command('split', crops, *arguments)
    assert done.code == 2
    assert 'Traceback' not in done.err
    assert not (crops / 'split.csv').exists()
