"""The walk of docs/en/search.md, as a reader takes it; class of faults: a page that rots."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from msvitreid.apis import get_model
from msvitreid.gallery import open_gallery
from tests.apis.indexing.crops import draw
from tests.cli.command import command
from tests.tools.user import REPOSITORY

from .page import FENCE

PAGE = (REPOSITORY / 'docs' / 'en' / 'search.md').read_text(encoding='utf-8')
README = (REPOSITORY / 'README.md').read_text(encoding='utf-8')


def commands(text):
    """Lines of a page's shell fences, without comments."""
    fences = [fence.groups() for fence in FENCE.finditer(text)]
    text = '\n'.join(code for language, code in fences if language == 'sh')
    lines = text.replace('\\\n', ' ').splitlines()
    return [shlex.split(line, comments=True) for line in lines if line]


def prepare():
    lines = ['path,time']
    for pid in range(3):
        for camera in (1, 2):
            path = f'cam{camera}/{pid:04d}_c{camera}.jpg'
            draw(Path('crops', path), 10 * pid + camera)
            lines.append(f'{path},{10 * pid}')
    Path('crops.csv').write_text('\n'.join(lines))
    draw(Path('query.jpg'), 11)
    for seed, name in enumerate(('averaged.pth', 'new.pth')):
        torch.manual_seed(seed)
        torch.save({'state_dict': get_model('msvit-demo').state_dict()}, name)
    command('convert', 'new.pth', 'new_model.safetensors', '--config', 'msvit-demo')


@pytest.fixture(scope='module')
def walk(tmp_path_factory):
    """What each command of the page printed, in the reader's folder, which is the current one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp('walk'))
        prepare()
        yield {' '.join(words[1:]): command(*words[1:]) for words in commands(PAGE)}


def printed_by(walk, start):
    (found,) = [printed for line, printed in walk.items() if line.startswith(start)]
    return found


def test_every_command_of_the_page_is_done(walk):
    for line, printed in walk.items():
        assert printed.code == 0, (line, printed)
        assert printed.out, line


def test_what_the_page_says_is_printed(walk):
    assert printed_by(walk, 'embed').out.startswith('6 embeddings written')
    added = printed_by(walk, 'index add')
    assert added.out.startswith('6 images added, 0 updated')
    assert 'time (number)' in added.err
    listed = printed_by(walk, 'index list').out.splitlines()
    assert listed[1:] == [
        f'cam1/{pid:04d}_c1.jpg  camera=1 pid={pid:04d} time={10 * pid}' for pid in range(3)
    ]
    assert printed_by(walk, 'index verify').out == '6 images, 0 problems\n'
    assert printed_by(walk, 'index remove').out == '1 image removed, 5 left\n'
    assert printed_by(walk, 'index copy').out.startswith('5 images added')
    assert printed_by(walk, 'index reembed').out.startswith('5 images added')


def test_what_the_searches_find(walk):
    by_file, by_camera, by_time = (
        printed.out.splitlines() for line, printed in walk.items() if line.startswith('search')
    )
    assert by_file[0] == 'query.jpg (exact)'
    assert by_file[1] == '  1  1.0000  cam1/0001_c1.jpg  camera=1 pid=0001 time=10'
    assert len(by_file) == 6
    assert sorted(line.split()[2] for line in by_camera[1:]) == [
        f'cam2/{pid:04d}_c2.jpg' for pid in range(3)
    ]
    assert all(re.search(r'  -?\d\.\d{4}  ', line) for line in by_file[1:])
    pids = [re.search(r'pid=(\d+)', line)[1] for line in by_time[1:]]
    assert sorted(pids) == ['0001', '0002']
    with Image.open('work_dirs/ranking.jpg') as picture:
        assert picture.format == 'JPEG'


def test_the_page_leaves_nothing_among_the_images(walk):
    files = [path for path in Path('crops').rglob('*') if path.is_file()]
    assert len(files) == 6
    assert {path.suffix for path in files} == {'.jpg'}
    with open_gallery('work_dirs/new.gallery', readonly=True) as gallery:
        assert gallery.verify().problems == []
        assert len(gallery) == 5


def test_the_python_of_the_page(walk, capsys):
    (code,) = [
        code for kind, code in (f.groups() for f in FENCE.finditer(PAGE)) if kind == 'python'
    ]
    exec(code, {})
    assert '6 images added' in capsys.readouterr().out


def test_the_walk_of_the_readme(walk, tmp_path, monkeypatch):
    lines = [
        words for words in commands(README) if words[1:2] in (['embed'], ['index'], ['search'])
    ]
    assert [words[1] for words in lines] == ['embed', 'index', 'index', 'index', 'search']
    files = {name: Path(name).resolve() for name in ('crops', 'query.jpg', 'model.safetensors')}
    monkeypatch.chdir(tmp_path)
    for name, path in files.items():
        Path(name).symlink_to(path)
    for words in lines:
        printed = command(*words[1:])
        assert printed.code == 0, (words, printed)
