"""``msvitreid calibrate`` and ``msvitreid compare``, on every kind of labeled images."""

import contextlib
import io
import json
import re
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from msvitreid.apis.verification import CalibrationCard
from msvitreid.cli import main as cli
from msvitreid.cli.labeled_images import read_labeled_images
from msvitreid.cli.running import run_tool
from msvitreid.errors import ConfigError, DatasetError, OutputError
from tests.apis.tiny_model import write_tiny_model
from tests.apis.verification.sample_card import sample_card

FEW = ['--fmr', '0.05', '--fnmr', '0.25', '--resamples', '20', '--device', 'cpu']


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def msvitreid(*arguments):
    """Exit code, output and errors of a command."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            run_tool(lambda _: cli.main([str(one) for one in arguments]))
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp('model'))


def write_images(folder, identities=14, each=6):
    """A folder per identity, of noise around a color of its own; cameras in the names."""
    rng = np.random.default_rng(0)
    for identity in range(identities):
        (folder / f'p{identity}').mkdir(parents=True)
        own = rng.integers(0, 256, (8, 4, 3))
        for image in range(each):
            pixels = np.kron(own, np.ones((8, 8, 1))) + rng.normal(0, 50, (64, 32, 3))
            name = f'{image}_c{image % 2 + 1}.png'
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                folder / f'p{identity}' / name
            )
    return folder


@pytest.fixture(scope='module')
def crops(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp('crops') / 'set')


@pytest.fixture(scope='module')
def card(model, crops, tmp_path_factory):
    out = tmp_path_factory.mktemp('card') / 'card.json'
    done = msvitreid(
        'calibrate', model, crops, '--camera-pattern', r'_c(\d)', '--out', out, *FEW
    )
    assert done.code == 0, done.err
    return out


def test_a_card_of_a_folder_per_identity(card):
    found = CalibrationCard.load(card)
    assert (found.data.images, found.data.identities) == (84, 14)
    assert found.data.cameras == ('1', '2')
    assert found.data.genuine_pairs == 14 * 9
    assert found.fmr <= 0.05


def test_a_list_gives_the_same_figures(model, crops, card, tmp_path):
    """Class of faults: two ways to state the same labels give two cards."""
    lines = ['path,pid,camid']
    for path in sorted(crops.rglob('*.png')):
        lines.append(f'{path.relative_to(crops)},{path.parent.name},{path.stem[-1]}')
    table = tmp_path / 'list.csv'
    table.write_text('\n'.join(lines))
    picture = tmp_path / 'pictures' / 'det.png'
    out = tmp_path / 'list.json'
    arguments = ('calibrate', model, table, crops, '--out', out, '--det', picture, '--json')
    done = msvitreid(*arguments, *FEW)
    assert (done.code, done.err) == (0, '')
    printed = json.loads(done.out)
    assert printed == json.loads(out.read_text())
    first, second = CalibrationCard.load(card), CalibrationCard.load(out)
    assert first.same_threshold == pytest.approx(second.same_threshold, abs=1e-5)
    assert (first.fmr, first.data.genuine_pairs) == (second.fmr, second.data.genuine_pairs)
    assert Image.open(picture).size[0] > 800


def test_two_images(model, crops, card):
    a, b = crops / 'p0' / '0_c1.png', crops / 'p0' / '1_c2.png'
    done = msvitreid('compare', model, a, b, '--device', 'cpu')
    assert done.code == 0
    assert done.out.startswith('similarity ')
    done = msvitreid('compare', model, a, a, '--card', card, '--device', 'cpu')
    assert done.code == 0
    assert done.out.startswith('same: similarity 1.0000')
    assert 'warning: both images are the same file' in done.out
    arguments = ('compare', model, a, b, '--card', card, '--cameras', '1', '9', '--json')
    done = msvitreid(*arguments)
    found = json.loads(done.out)
    assert found['answer'] in ('same', 'different', 'cannot tell')
    assert 'not in the card' in found['warnings'][0]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--fmr', '1e-3'], '33 identities'),
        (['--fmr', 'nan'], 'fmr'),
        (['--fmr', 'high'], 'fmr'),
        (['--det', 'det.pdf'], r'\.png'),
        (['--genuine', 'cross-camera'], 'camids'),
        (['--camera-pattern', 'c'], 'group'),
        (['--resamples', '0'], 'resamples'),
        (['--batch-size', '0'], 'batch-size'),
        (['--device', 'tpu'], 'device'),
        (['--out', '.'], 'must end with .json'),
    ],
)
def test_wrong_options_leave_no_card(arguments, words, model, crops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = msvitreid('calibrate', model, crops, '--out', 'card.json', *FEW, *arguments)
    assert (done.code, done.out) == (2, '')
    assert re.search(words, done.err)
    assert list(tmp_path.iterdir()) == []


def test_too_few_images_are_said_before_the_model_is_read(crops, tmp_path):
    """Class of faults: an hour of embedding, and then the refusal."""
    arguments = ('calibrate', tmp_path / 'no.safetensors', crops, '--out', tmp_path / 'c.json')
    assert 'identities' in msvitreid(*arguments, '--fmr', '1e-4').err
    assert 'no.safetensors' in msvitreid(*arguments, *FEW).err


def test_a_card_of_another_model(model, crops, tmp_path):
    sample_card().save(tmp_path / 'card.json')
    image = crops / 'p0' / '0_c1.png'
    done = msvitreid('compare', model, image, image, '--card', tmp_path / 'card.json')
    assert done.code == 2
    assert 'fingerprint' in done.err


def test_what_lies_outside_of_the_folders_is_named(model, crops, tmp_path):
    """Class of faults: images that are left out, and nothing says so."""
    data = tmp_path / 'set'
    data.mkdir()
    for folder in crops.iterdir():
        (data / folder.name).symlink_to(folder)
    first = next(iter(sorted(crops.glob('*/*.png'))))
    for name in ('a.png', 'b.png'):
        (data / name).write_bytes(first.read_bytes())
    done = msvitreid('calibrate', model, data, '--out', tmp_path / 'c.json', *FEW)
    assert done.code == 0
    assert '2 images outside of the folders of identities' in done.err
    assert 'a.png' in done.err
    write_images(tmp_path / 'parts' / 'query', 2, 1)
    write_images(tmp_path / 'parts' / 'gallery', 2, 3)
    for name in ('a.png', 'query/b.png', 'gallery/c.png'):
        (tmp_path / 'parts' / name).write_bytes(first.read_bytes())
    found = read_labeled_images(str(tmp_path / 'parts'))
    assert (len(found.paths), found.left_out[:9]) == (8, '3 images ')


def test_an_unreadable_image_is_named_and_left_out(model, crops, tmp_path):
    """Class of faults: a command on many images that stops at one of them."""
    data = write_images(tmp_path / 'set')
    (data / 'p0' / 'broken.png').write_bytes(b'no image')
    done = msvitreid('calibrate', model, data, '--out', tmp_path / 'c.json', *FEW, '--json')
    assert done.code == 1
    assert 'broken.png' in done.err
    assert json.loads(done.out)['data']['images'] == 84


@pytest.mark.parametrize('root', [(), ('/nowhere',)])
def test_a_named_set_that_is_not_there(root, model, tmp_path, monkeypatch):
    """Class of faults: advice to set an option that the command does not have."""
    monkeypatch.chdir(tmp_path)
    done = msvitreid('calibrate', model, 'msvit-demo', *root, '--out', 'c.json')
    assert done.code == 2
    assert 'calibrate MODEL msvit-demo FOLDER' in done.err
    assert 'option' not in done.err


def test_what_compare_refuses(model, crops, tmp_path):
    image = crops / 'p0' / '0_c1.png'
    broken = tmp_path / 'broken.json'
    broken.write_text('{}')
    for arguments, words in (
        ((image, tmp_path / 'none.jpg'), 'none.jpg'),
        ((crops, image), 'two images'),
        ((image, image, '--card', broken), 'broken.json'),
        ((image, image, '--cameras', 'a', 'b'), '--card'),
    ):
        done = msvitreid('compare', model, *arguments)
        assert (done.code, done.out) == (2, '')
        assert words in done.err


def test_folders_of_datasets(data_root):
    """By the layout's marks, by name, and with the query folders of own data."""
    folder = data_root / 'Market-1501-v15.09.15'
    by_folder = read_labeled_images(str(folder))
    by_name = read_labeled_images('market1501', str(data_root))
    by_parent = read_labeled_images('market1501', str(folder))
    assert by_folder.paths == by_name.paths == by_parent.paths
    assert by_folder.pids == by_name.pids
    assert set(by_folder.camids) <= set('123456')
    assert not any('bounding_box_train' in path for path in by_folder.paths)
    with pytest.raises(ConfigError, match='leave out'):
        read_labeled_images(str(folder), str(data_root))
    with pytest.raises(ConfigError, match='market1501'):
        read_labeled_images('market151')


def test_distractors_are_nobody(tmp_path):
    """Class of faults: the many people under Market-1501's pid 0, taken for one person."""
    names = ('bounding_box_train/0001_c1', 'query/0002_c1', 'bounding_box_test/0002_c2')
    for name in (f'{one}.png' for one in names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (4, 8)).save(tmp_path / name)
    for camera in (1, 2, 3):
        Image.new('RGB', (4, 8)).save(tmp_path / f'bounding_box_test/0000_c{camera}.png')
    found = read_labeled_images(str(tmp_path))
    assert found.pids == ['2', '2']
    assert found.distractors == 3


def test_own_data_with_query_and_gallery(tmp_path):
    write_images(tmp_path / 'query', 2, 1)
    write_images(tmp_path / 'gallery', 2, 3)
    write_images(tmp_path / 'train', 3, 2)
    found = read_labeled_images(str(tmp_path))
    assert len(found.paths) == 8
    assert set(found.pids) == {'p0', 'p1'}
    assert set(found.camids) == {''}


def test_lists_that_cannot_be_used(tmp_path):
    table = tmp_path / 'list.csv'
    table.write_text('path,pid\n../a.png,1\n')
    with pytest.raises(DatasetError, match='line 2'):
        read_labeled_images(str(table))
    with pytest.raises(DatasetError, match=r'none\.csv'):
        read_labeled_images(str(tmp_path / 'none.csv'))
    with pytest.raises(ConfigError, match='camera-pattern'):
        read_labeled_images(str(table), None, r'_c(\d)')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DatasetError, match='empty'):
        read_labeled_images(str(tmp_path / 'empty'))


@pytest.mark.parametrize(
    ('out', 'det'),
    [('model', None), ('set/p0/0_c1.png', None), ('card.json', 'set/p0/0_c1.png'),
     ('set/card.json', None), ('card.txt', None)],
)  # fmt: skip
def test_nothing_that_is_read_is_replaced(out, det, model, crops, tmp_path):
    """Outputs that take the place of inputs: the model, an image, a folder of images."""
    places = {'model': model}
    if not (tmp_path / 'set').exists():
        (tmp_path / 'set').symlink_to(crops)
    before = model.read_bytes(), (crops / 'p0' / '0_c1.png').read_bytes()
    options = [] if det is None else ['--det', tmp_path / det]
    done = msvitreid(
        'calibrate', model, crops, '--out', places.get(out, tmp_path / out), *options, *FEW
    )
    assert (done.code, done.err.count('\n')) == (2, 1), done.err
    assert before == (model.read_bytes(), (crops / 'p0' / '0_c1.png').read_bytes())
    assert not (tmp_path / 'card.json').exists()


def test_a_full_disk_for_the_picture_says_that_the_card_is_there(
    model, crops, tmp_path, monkeypatch
):
    """Class of faults: "not done", though one of two results is new."""

    def fail(*_):
        raise OutputError('no space')

    monkeypatch.setattr('msvitreid.visualization.verification_plots.draw_calibration', fail)
    out, det = tmp_path / 'c.json', tmp_path / 'd.png'
    pattern = ('--camera-pattern', r'_c(\d)')
    done = msvitreid('calibrate', model, crops, *pattern, '--out', out, '--det', det, *FEW)
    assert done.code == 2
    assert f"no space; the card '{out}' is written" in done.err
    CalibrationCard.load(out)
