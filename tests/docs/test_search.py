"""The walk of docs/en/search.md, as a reader takes it; class of faults: a page that rots."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from msvitreid.apis import ReIDInferencer, doctor, get_model
from msvitreid.apis.verification import CalibrationCard
from msvitreid.demo.drawn import make_synthetic
from msvitreid.deployment.export import export_formats
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
    leave_demo(Path('work_dirs/demo'))


def leave_demo(folder):
    """What ``msvitreid demo`` leaves: file names depend on the identity only, not on counts."""
    (folder / 'train').mkdir(parents=True)
    model = folder / 'train' / 'model.safetensors'
    command('convert', 'averaged.pth', model, '--config', 'msvit-demo')
    # Pairs for a false match rate of 1e-3 are those of 33 identities with 8 images.
    counts = {'images_per_id': 1, 'gallery_per_id': 6, 'queries_per_id': 2}
    make_synthetic(folder / 'data', num_train_ids=100, num_test_ids=33, workers=1, **counts)


def done(words):
    """Do a command of the page in this process."""
    if words[0] == 'cp':
        shutil.copy(*words[1:])
        return None
    assert words[0] == 'msvitreid'
    return command(*words[1:])


@pytest.fixture(scope='module')
def walk(tmp_path_factory):
    """What each command of the page printed, in the reader's folder, which is the current one."""
    for package in ('onnx', 'pyarrow'):
        pytest.importorskip(package)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp('walk'))
        # Writing all formats takes most of a minute; tests of doctor and export try each.
        one = {'torchscript': export_formats()['torchscript']}
        patch.setattr(doctor, 'export_formats', lambda: one)
        prepare()
        outcomes = {' '.join(words[1:]): done(words) for words in commands(PAGE)}
        yield {line: outcome for line, outcome in outcomes.items() if outcome is not None}


def printed_by(walk, start):
    (found,) = [printed for line, printed in walk.items() if line.startswith(start)]
    return found


def test_every_command_of_the_page_is_done(walk):
    for line, printed in walk.items():
        assert printed.code == 0, (line, printed)
        assert printed.out, line


def test_what_the_page_says_is_printed(walk):
    assert printed_by(walk, 'embed').out.startswith('6 embeddings written')
    added = printed_by(walk, 'index add work_dirs/people.gallery')
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


def test_from_the_model_of_the_demo(walk):
    """Class of faults: pages that are right one by one, and no way from one to the next."""
    assert [line.split()[0] for line in walk][:8] == [
        *('index', 'search', 'calibrate', 'compare', 'search', 'cluster', 'export', 'doctor')
    ]
    added = printed_by(walk, 'index add work_dirs/drawn.gallery')
    assert added.out.startswith('198 images added, 0 updated')
    fingerprint = ReIDInferencer('model.safetensors').fingerprint
    assert CalibrationCard.load('card.json').fingerprint == fingerprint
    assert CalibrationCard.load('card.json').fmr <= 1e-3
    compared = printed_by(walk, 'compare model.safetensors work_dirs').out
    assert compared.split(':')[0] in ('same', 'different', 'cannot tell')
    clustered = printed_by(walk, 'cluster work_dirs/drawn.gallery').out.splitlines()
    assert clustered[0].startswith('198 images in ')
    assert '33 classes' in clustered[1]
    assert ReIDInferencer('net.onnx').dimension == 640


def test_crops_without_labels(walk):
    assert printed_by(walk, 'index add work_dirs/crops').out.startswith('6 images added')
    (found,) = [
        out.out for line, out in walk.items() if line.startswith('search work_dirs/crops')
    ]
    assert found.splitlines()[1] == '  1  1.0000  cam1/0001_c1.jpg'
    assert printed_by(walk, 'compare model.safetensors query').out.startswith(
        'similarity 1.0000'
    )
    clustered = printed_by(walk, 'cluster work_dirs/crops').out
    assert clustered.startswith('6 images in ')
    assert 'with labels' not in clustered
    assert ReIDInferencer('net.torchscript').dimension == 640
    assert '6 images' in printed_by(walk, 'doctor model.safetensors crops').out


@pytest.mark.parametrize('option', ['--group-by', '--exclude-same'])
def test_a_column_that_no_image_has_is_refused(walk, option):
    """Class of faults: an option that silently does nothing."""
    model = 'model.safetensors'
    arguments = ('work_dirs/crops.gallery', model, 'query.jpg', option, 'camera')
    refused = command('search', *arguments, '--camera-from', '(y)')
    assert (refused.code, refused.out) == (2, '')
    assert "column 'camera'" in refused.err


@pytest.mark.parametrize(
    ('line', 'named'),
    [
        ('calibrate model.safetensors crops/cam1 --out none.json', 'crops/cam1'),
        ('calibrate model.safetensors nowhere --out none.json', 'no file or folder'),
        (
            'compare model.safetensors query.jpg query.jpg --card none.json',
            'msvitreid calibrate',
        ),
        ('export model.safetensors --format onnx --out none.onnx --check nowhere/', 'nowhere/'),
        ('doctor model.safetensors nowhere', 'nowhere'),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(walk, line, named):
    refused = command(*line.split())
    assert refused.code == 2
    assert named in refused.err
    assert not list(Path().glob('none.*'))


def test_the_pictures_of_the_page_open(walk):
    for name in ('found.jpg', 'det.png', 'drawn.jpg', 'crops-found.jpg', 'crops-clusters.jpg'):
        with Image.open(Path('work_dirs', name)) as picture:
            picture.load()


def test_what_the_searches_find(walk):
    by_file, by_camera, by_time = (
        printed.out.splitlines()
        for line, printed in walk.items()
        if line.startswith('search work_dirs/people')
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
