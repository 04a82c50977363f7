from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from msvitreid.cli.browse import identity_rows, measure
from msvitreid.datasets.readers.id_names import IdNames
from msvitreid.errors import DatasetError
from msvitreid.structures import ReIDDataSample
from tests.hostile.limits import limits
from tests.miniature import TreeShape, write_market1501
from tests.tools.user import SMALL, leaf, options, run

TOOL = 'dataset_tools/browse_dataset.py'
MARKET = leaf('msvit-s_market1501')


@pytest.fixture
def browse(tmp_path):
    """A run on a miniature Market-1501: 6 identities, batches of 2 x 2."""
    write_market1501(tmp_path / 'data', TreeShape(image_size=(96, 48)))

    def browse(*flags: object, **changes: object):
        given = {key: SMALL[key] for key in SMALL if key.startswith('train_dataloader')}
        changed = options(
            {**given, 'data_root': tmp_path / 'data', 'on_count_mismatch': 'ignore', **changes}
        )
        return run(TOOL, MARKET, '--out', tmp_path / 'out', *flags, *changed)

    browse.out = tmp_path / 'out'
    browse.data = tmp_path / 'data' / 'Market-1501-v15.09.15'
    return browse


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert('RGB'))


def written(outcome) -> list[str]:
    assert outcome.code == 0, outcome.err
    paths = [Path(line) for line in outcome.out.splitlines()]
    assert all(path.is_file() for path in paths)
    return [path.name for path in paths]


def share_of_black(path: Path) -> float:
    """Zero is what erasing fills in; the miniature's images hold none, the print neither."""
    return float((pixels(path) == 0).all(axis=2).mean())


def test_batches_after_the_training_pipeline(browse):
    assert written(browse('--batches', 3)) == [
        'statistics_train.png',
        'train_1.png',
        'train_2.png',
        'train_3.png',
    ]
    # Two identities, of two images each: 160 pixels high, a third as wide.
    height, width, _ = pixels(browse.out / 'train_1.png').shape
    assert 2 * 160 < height < 3 * 160
    assert width > 2 * 53


def test_erasing_is_shown(browse):
    always = {'model.data_preprocessor.batch_augments.0.prob': 1.0}
    never = {'model.data_preprocessor.batch_augments.0.prob': 0.0}
    written(browse('--batches', 1, **always))
    assert share_of_black(browse.out / 'train_1.png') > 0.01
    written(browse('--batches', 1, **never))
    assert share_of_black(browse.out / 'train_1.png') < 0.005


def test_the_seed_decides(browse):
    sheets = []
    for seed in (0, 0, 1):
        written(browse('--batches', 1, '--seed', seed))
        sheets.append(pixels(browse.out / 'train_1.png'))
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_a_normalization_is_taken_back(browse):
    key = 'model.data_preprocessor'
    written(browse('--batches', 1))
    plain = pixels(browse.out / 'train_1.png')
    written(
        browse('--batches', 1, **{f'{key}.mean': (0.5, 0.4, 0.3), f'{key}.std': (0.2,) * 3})
    )
    again = pixels(browse.out / 'train_1.png')
    assert np.abs(plain.astype(int) - again).max() <= 1


@pytest.mark.parametrize(('split', 'sheets'), [('query', 1), ('gallery', 1)])
def test_test_splits_have_no_augmentation(split, sheets, browse):
    always = {'model.data_preprocessor.batch_augments.0.prob': 1.0}
    names = written(browse('--split', split, **always))
    assert names == [f'statistics_{split}.png', f'{split}_1.png']
    assert share_of_black(browse.out / f'{split}_1.png') < 0.005


def test_pictures_go_below_the_work_directory(browse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changed = options({'data_root': browse.data, 'on_count_mismatch': 'ignore'})
    outcome = run(TOOL, MARKET, '--split', 'query', '--batches', 0, *changed)
    assert outcome.out == 'work_dirs/msvit-s_market1501/browse/statistics_query.png\n'


def refused(outcome) -> str:
    assert outcome.code == 2
    assert outcome.err.count('\n') == 1
    return outcome.err


def test_what_cannot_be_browsed(browse):
    assert "'/nowhere'" in refused(browse(data_root='/nowhere'))
    image = next((browse.data / 'bounding_box_train').glob('0002_*'))
    image.write_text('text')
    error = refused(browse())
    assert str(image) in error
    assert 'msvitreid check-data' in error


def test_a_split_that_the_dataset_does_not_have(tmp_path):
    from tests.miniature import write_cub200

    write_cub200(tmp_path)
    changed = options({'data_root': tmp_path, 'on_count_mismatch': 'ignore'})
    outcome = run(TOOL, leaf('msvit-s_cub200'), '--split', 'gallery', *changed)
    assert '--split gallery' in refused(outcome)


@pytest.mark.parametrize(('option', 'value'), [('--batches', -1), ('--seed', 'x')])
def test_numbers_that_cannot_be(option, value):
    outcome = run(TOOL, MARKET, f'{option}={value}')
    assert outcome.code == 2
    assert f"{option}: '{value}' is no whole number from" in outcome.err


def test_rows_and_captions_bear_names():
    """Names in pictures: identity '066' and its camera 'door', not their numbers."""
    names = IdNames(pids={57: '066'}, camids={3: 'door'})
    samples = [ReIDDataSample(pid=57, camid=camid) for camid in (3, -1)]
    (row,) = identity_rows(np.zeros((2, 4, 2, 3), np.uint8), samples, names)
    assert (row.label, row.captions) == ('id 066', ['camera door', ''])


def test_a_special_file_ends_the_browsing(tmp_path):
    """Special files: measuring waited for a pipe without end."""
    os.mkfifo(tmp_path / 'pipe.jpg')
    with limits(), pytest.raises(DatasetError, match=r'pipe\.jpg'):
        measure([{'img_path': str(tmp_path / 'pipe.jpg')}])
