"""``msvitreid show``: every picture from data and weights, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msvitreid.apis import ReIDInferencer
from msvitreid.cli import show
from msvitreid.gallery import create_gallery
from msvitreid.visualization.ranking_list import DIFFERENT, LEFT_OUT, SAME
from tests.cli.test_calibrate import msvitreid


def done(*arguments):
    outcome = msvitreid('show', *arguments, '--device', 'cpu')
    assert (outcome.code, outcome.err) == (0, ''), outcome.err
    return outcome.out


@pytest.mark.parametrize('queries', ['best', 'worst', 'random', 'all'])
def test_ranking(tiny_set, tmp_path, queries):
    out = tmp_path / 'r.png'
    options = ['--queries', queries, '--count', '3', '--hits', '4', '--out', out]
    assert done('ranking', tiny_set.config, tiny_set.weights, *options) == f'{out}\n'
    assert Image.open(out).size[0] > 400


def test_pages(tiny_set, tmp_path):
    """Six queries at four a page are two pages; a model file in place of weights will do."""
    arguments = ['ranking', tiny_set.config, tiny_set.model, '--queries', 'all', '--pages', '4']
    printed = done(*arguments, '--out', tmp_path / 'r.jpg')
    assert printed.split() == [str(tmp_path / 'r-1.jpg'), str(tmp_path / 'r-2.jpg')]
    tall, short = (Image.open(path).size[1] for path in printed.split())
    assert tall > short
    unlabeled = tmp_path / 'u.png'
    done(*arguments[:-2], '--unlabeled', '--out', unlabeled)
    counts = {color: count for count, color in Image.open(unlabeled).getcolors(1 << 24)}
    # A frame has a thousand pixels; noise has any color now and then.
    assert max(counts.get(color, 0) for color in (SAME, DIFFERENT, LEFT_OUT)) < 100


def test_curves_of_two_nets(tiny_set, tmp_path):
    nets = [tiny_set.config, tiny_set.weights, tiny_set.config, tiny_set.model]
    out = tmp_path / 'new' / 'c.pdf'
    printed = done('curves', *nets, '--names', 'one', 'two', '--out', out)
    first, second, last = printed.splitlines()
    assert first.removeprefix('one') == second.removeprefix('two')
    assert last == str(out)
    assert out.read_bytes().startswith(b'%PDF')
    refused = msvitreid('show', 'curves', *nets[:2], *nets[:2], '--out', out)
    assert (refused.code, '--names' in refused.err) == (2, True)


def test_attention(tiny_set, tmp_path):
    plain, covered = tmp_path / 'a.png', tmp_path / 'b.png'
    done('attention', tiny_set.model, tiny_set.images[0], '--token', '1,1', '--out', plain)
    done('attention', tiny_set.model, tiny_set.images[0], '--occlude', '--out', covered)
    assert Image.open(covered).size[1] > 1.5 * Image.open(plain).size[1]


def test_parts(tiny_set, tmp_path):
    out = tmp_path / 'p.png'
    assert done('parts', tiny_set.model, tiny_set.images[0], '--out', out) == f'{out}\n'
    printed = done('parts', tiny_set.model, *tiny_set.images[:2], '--out', out)
    *shares, similarity = map(float, re.findall(r'([+-]\d\.\d{4})$', printed, re.MULTILINE))
    assert len(shares) == 5
    a, b = ReIDInferencer(tiny_set.model, device='cpu')(tiny_set.images[:2], progress=False)
    assert similarity == pytest.approx(a @ b, abs=1e-4)
    assert sum(shares) == pytest.approx(similarity, abs=3e-4)


@pytest.mark.parametrize('method', ['pca', 'tsne'])
def test_map_of_a_test_set(tiny_set, tmp_path, method):
    out = tmp_path / 'm.png'
    done('map', tiny_set.config, tiny_set.weights, '--method', method, '--out', out)
    assert out.exists()


def write_gallery(tiny_set, folder, fingerprint):
    names = tiny_set.images
    unit = ReIDInferencer(tiny_set.model, device='cpu')(names, progress=False)
    with create_gallery(folder, unit.shape[1], fingerprint) as gallery:
        gallery.add(names, unit, [{'pid': i} for i in range(len(names))])
    return folder


def test_map_of_a_gallery(tiny_set, tmp_path):
    fingerprint = ReIDInferencer(tiny_set.model, device='cpu').fingerprint
    gallery = write_gallery(tiny_set, tmp_path / 'g', fingerprint)
    done('map', gallery, '--most', '4', '--out', tmp_path / 'm.png')
    marked = ['--model', tiny_set.model, '--mark', tiny_set.images[0]]
    done('map', gallery, *marked, '--out', tmp_path / 'n.png')
    assert (tmp_path / 'n.png').exists()


def colors_of(picture):
    return {color: count for count, color in Image.open(picture).getcolors(1 << 24)}


def test_ranking_of_a_gallery(tiny_set, tmp_path):
    """Images of a gallery search each other; labeled, in part, or not at all."""
    files = sorted(Path(tiny_set.config).parent.rglob('set/*/*/*.png'))[:12]
    unit = ReIDInferencer(tiny_set.model, device='cpu')(list(map(str, files)), progress=False)
    frames = {}
    for kind in ('labeled', 'partly', 'unlabeled'):
        rows = [
            {'path': str(file), 'camera': f'c{row % 2}', 'pid': file.parent.name}
            for row, file in enumerate(files)
        ]
        for row in rows[: {'labeled': 0, 'partly': 6, 'unlabeled': 12}[kind]]:
            del row['pid']
        with create_gallery(tmp_path / kind, unit.shape[1], 'f') as gallery:
            gallery.add([f'{file.name}' for file in files], unit, rows)
        out = tmp_path / f'{kind}.png'
        given = ['ranking', tmp_path / kind, '--queries', 'all', '--hits', '5', '--out', out]
        assert done(*given) == f'{out}\n'
        frames[kind] = [colors_of(out).get(one, 0) > 100 for one in (SAME, DIFFERENT, LEFT_OUT)]
    assert frames['labeled'] == [True] * 3
    assert frames['partly'][:2] == [True] * 2
    assert frames['unlabeled'] == [False] * 3
    worst = [*given[:1], tmp_path / 'labeled', '--queries', 'worst', '--out', out]
    done(*worst)
    for refused, word in [
        (['ranking', tmp_path / 'unlabeled', '--queries', 'best', '--out', out], 'match'),
        (['ranking', tmp_path / 'none', '--out', out], 'none'),
        ([*given[:-1], tmp_path / 'unlabeled' / 'a.png'], '--out'),
    ]:
        outcome = msvitreid('show', *refused)
        assert (outcome.code, word in outcome.err) == (2, True), outcome.err


def test_a_missing_image_of_a_gallery_is_gray(tiny_set, tmp_path):
    with create_gallery(tmp_path / 'g', 3, 'f') as gallery:
        gallery.add(['a.png', 'b.png'], np.eye(3, dtype=np.float32)[:2])
    out = tmp_path / 'r.png'
    given = ['ranking', tmp_path / 'g', '--root', tmp_path, '--out', out]
    outcome = msvitreid('show', *given)
    assert outcome.code == 0, outcome.err
    assert 'cannot be read' in outcome.err
    assert out.exists()


def test_a_gallery_of_another_model(tiny_set, tmp_path):
    gallery = write_gallery(tiny_set, tmp_path / 'g', 'other')
    arguments = ('map', gallery, '--model', tiny_set.model, '--out', tmp_path / 'm.png')
    outcome = msvitreid('show', *arguments)
    assert outcome.code == 2
    assert 'other' in outcome.err
    assert not (tmp_path / 'm.png').exists()


def test_cameras(tiny_set, tmp_path):
    out = tmp_path / 'c.png'
    assert done('cameras', tiny_set.config, tiny_set.weights, '--out', out) == f'{out}\n'
    none = 'test_dataloader.dataset.camera_pattern=None'
    refused = msvitreid(
        'show',
        'cameras',
        tiny_set.config,
        tiny_set.weights,
        '--out',
        out,
        '--cfg-options',
        none,
    )
    assert (refused.code, 'no image of the test set has a camera' in refused.err) == (2, True)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['attention', 'MODEL', 'IMAGE', '--token', '4,0'], 'token 4,0 .* 4x2'),
        (['attention', 'MODEL', 'IMAGE', '--token', '-1,0'], 'token'),
        (['attention', 'MODEL', 'IMAGE', '--token', '3'], 'ROW,COL'),
        (['attention', 'MODEL', 'missing.png'], r'missing\.png'),
        (['attention', 'WEIGHTS', 'IMAGE'], 'model file'),
        (['parts', 'MODEL', 'IMAGE', 'missing.png'], r'missing\.png'),
        (['ranking', 'CONFIG', 'missing.pth'], r'missing\.pth'),
        (['ranking', 'CONFIG', 'WEIGHTS', '--count', '0'], 'count'),
        (['curves', 'CONFIG'], 'CHECKPOINT'),
        (['curves', 'CONFIG', 'WEIGHTS', '--names', 'a', 'b'], 'names'),
        (['map', 'missing'], 'missing'),
        (['map', 'missing', '--mark', 'IMAGE'], '--model'),
        (['map', 'CONFIG', 'WEIGHTS', '--model', 'MODEL'], '--model'),
        (['films'], 'films'),
    ],
)
def test_what_is_refused(tiny_set, tmp_path, arguments, words):
    """Each is one sentence with exit code 2, and no picture."""
    places = dict(
        MODEL=tiny_set.model,
        IMAGE=tiny_set.images[0],
        CONFIG=tiny_set.config,
        WEIGHTS=tiny_set.weights,
    )
    given = [places.get(word, word) for word in arguments]
    outcome = msvitreid('show', *given, '--out', tmp_path / 'x.png')
    assert outcome.code == 2
    assert re.search(words, outcome.err), outcome.err
    assert 'Traceback' not in outcome.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('out', ['x.gif', '.'])
def test_out_is_checked_before_anything_is_read(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    outcome = msvitreid('show', 'parts', 'missing', 'missing', '--out', out)
    assert (outcome.code, out in outcome.err) == (2, True)
    assert 'missing' not in outcome.err


def test_every_kind_is_drawn():
    for name in show.PICTURES:
        with pytest.raises(SystemExit) as end:
            show.parse_args([name, '--help'])
        assert end.value.code == 0
