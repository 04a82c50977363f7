from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from msvitreid.demo.drawn import SyntheticStatistics, make_synthetic, writer
from msvitreid.errors import ConfigError, DatasetError

SMALL = {
    'num_train_ids': 4,
    'num_test_ids': 3,
    'num_cams': 3,
    'images_per_id': 4,
    'gallery_per_id': 4,
    'queries_per_id': 2,
    'size': (64, 32),
    'workers': 1,
}
NAME = re.compile(r'^(\d{4})_c(\d+)_f(\d{7})\.jpg$')


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def names(root: Path, subset: str) -> list[tuple[int, int, int]]:
    found = [NAME.match(path.name) for path in (root / 'Occluded_Duke' / subset).iterdir()]
    assert all(found)
    return [tuple(map(int, match.groups())) for match in found]


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('synthetic') / 'set'
    statistics = make_synthetic(root, **SMALL)
    assert statistics == SyntheticStatistics(
        train_ids=4, test_ids=3, cams=3, train_images=16, query_images=6, gallery_images=12
    )
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / 'set'))


def test_layout_and_names(made: Path) -> None:
    train, query, gallery = (
        names(made, subset) for subset in ('bounding_box_train', 'query', 'bounding_box_test')
    )
    assert (len(train), len(query), len(gallery)) == (16, 6, 12)
    assert {pid for pid, _, _ in train} == {1, 2, 3, 4}
    assert {pid for pid, _, _ in query} == {pid for pid, _, _ in gallery} == {5, 6, 7}
    for pid, camid, _ in query:
        assert any(other == pid and cam != camid for other, cam, _ in gallery)
    assert not set(query) & set(gallery)


def test_pictures_are_jpegs_of_the_size(made: Path) -> None:
    for path in made.rglob('*.jpg'):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ('JPEG', 'RGB', (32, 64))


def test_same_bytes_whatever_the_workers(made: Path, tmp_path: Path) -> None:
    make_synthetic(tmp_path / 'two', **(SMALL | {'workers': 2}))
    assert contents(tmp_path / 'two') == contents(made)


def test_another_seed_gives_other_pictures(made: Path, tmp_path: Path) -> None:
    make_synthetic(tmp_path / 'other', **SMALL, seed=1)
    pictures = [set(contents(root).values()) for root in (made, tmp_path / 'other')]
    assert not pictures[0] & pictures[1]


@pytest.mark.parametrize('share', [0.0, 1.0])
def test_queries_are_occluded_and_the_others_by_their_share(
    share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = writer.take_shot

    def spy(identity, camera, size, occluded, rng):
        made = real(identity, camera, size, occluded, rng)
        asked.append((occluded, made.covered))
        return made

    monkeypatch.setattr(writer, 'take_shot', spy)
    make_synthetic(tmp_path / 'set', **SMALL, occluded_share=share)
    hidden = [covered for occluded, covered in asked if occluded]
    assert len(asked) == 34
    assert len(hidden) == (6 if share == 0 else 34)
    assert all(0.2 <= covered <= 0.6 for covered in hidden)


def test_a_complete_set_is_reused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, 'take_shot', None)
    assert make_synthetic(copy, **SMALL).train_images == 16


def test_an_empty_folder_is_filled(made: Path, tmp_path: Path) -> None:
    root = tmp_path / 'empty'
    root.mkdir()
    make_synthetic(root, **SMALL)
    assert contents(root) == contents(made)


def test_another_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(DatasetError, match=r'exists and is no sample dataset'):
        make_synthetic(tmp_path, **SMALL)
    assert contents(tmp_path) == {'notes.txt': b'mine'}


def test_a_file_is_refused(tmp_path: Path) -> None:
    root = tmp_path / 'file'
    root.write_text('mine')
    with pytest.raises(DatasetError, match='exists and is no sample dataset'):
        make_synthetic(root, **SMALL)
    assert root.read_text() == 'mine'


@pytest.mark.parametrize('stamp', ['', '[]', '{}', '{"generator": 1, "parameters": 3}'])
def test_an_unreadable_stamp_is_refused(copy: Path, stamp: str) -> None:
    (copy / 'synthetic.json').write_text(stamp)
    with pytest.raises(DatasetError, match=r'no readable synthetic\.json'):
        make_synthetic(copy, **SMALL)


def test_a_set_of_other_parameters_is_refused(copy: Path) -> None:
    before = contents(copy)
    with pytest.raises(DatasetError, match='made with num_cams 3, not 5'):
        make_synthetic(copy, **(SMALL | {'num_cams': 5}))
    assert contents(copy) == before


def test_a_set_of_another_generator_is_refused(copy: Path) -> None:
    stamp = json.loads((copy / 'synthetic.json').read_text())
    (copy / 'synthetic.json').write_text(json.dumps(stamp | {'generator': 0}))
    with pytest.raises(DatasetError, match='of generator 0'):
        make_synthetic(copy, **SMALL)


def test_a_set_with_missing_pictures_is_refused(copy: Path) -> None:
    next((copy / 'Occluded_Duke/query').iterdir()).unlink()
    with pytest.raises(DatasetError, match='query has 5 of the 6 pictures'):
        make_synthetic(copy, **SMALL)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = writer.take_shot, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 10:
            raise RuntimeError('power cut')
        return real(*arguments)

    monkeypatch.setattr(writer, 'take_shot', failing)
    with pytest.raises(RuntimeError, match='power cut'):
        make_synthetic(tmp_path / 'set', **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_the_faster_of_two_processes_wins(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, real = tmp_path / 'set', writer._draw_all

    def overtaken(*arguments):
        real(*arguments)
        shutil.copytree(made, root)

    monkeypatch.setattr(writer, '_draw_all', overtaken)
    assert make_synthetic(root, **SMALL).query_images == 6
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(DatasetError, match=r'file/set cannot be made \(.+\):'):
        make_synthetic(tmp_path / 'file' / 'set', **SMALL)


def test_bad_options_leave_nothing(tmp_path: Path) -> None:
    for wrong in ({'num_cams': 1}, {'workers': 0}):
        with pytest.raises(ConfigError):
            make_synthetic(tmp_path / 'set', **(SMALL | wrong))
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_synthetic(tmp_path / 'set', **SMALL, progress=True)
    shown = capsys.readouterr()
    assert '7/7' in shown.err
    assert shown.out == ''
