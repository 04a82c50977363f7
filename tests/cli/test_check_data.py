from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from msvitreid.datasets import Market1501, SplitStatistics
from tests.miniature import WRITERS, TreeShape, write_market1501, write_occluded_reid
from tests.miniature.tree import write_image
from tests.tools.user import REPOSITORY, leaf, options, run

TOOL = 'dataset_tools/check_dataset.py'
TREE = 'Market-1501-v15.09.15'
SIZE = TreeShape().image_size

CLEAN = {
    'train': SplitStatistics(images=39, identities=6, cameras=6),
    'query': SplitStatistics(images=3, identities=3),
    'gallery': SplitStatistics(images=21, cameras=6),
}
# One training image more than the tree with the faults in it has.
DAMAGED = {
    'train': SplitStatistics(images=43, identities=8, cameras=6),
    'query': SplitStatistics(images=5, identities=4),
    'gallery': SplitStatistics(images=22, cameras=6),
}


@pytest.fixture
def market(tmp_path, monkeypatch):
    """Root of a miniature Market-1501 that has its expected counts."""
    write_market1501(tmp_path / 'data')
    monkeypatch.setattr(Market1501, 'expected', CLEAN)
    return tmp_path / 'data' / TREE


def check(target: object, root: Path | None, *flags: object) -> tuple[int, dict]:
    """Exit code and JSON report of a run."""
    roots = () if root is None else (root,)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'check.json'
        outcome = run(TOOL, target, *roots, '--json', file, *flags)
        assert outcome.code in (0, 1), outcome.err
        return outcome.code, json.loads(file.read_text())


def cases(report: dict, root: Path) -> dict[tuple[str, tuple[str, ...], str], bool]:
    """Every case of every finding: kind, paths below the root and note -> whether a fault."""
    return {
        (
            found['kind'],
            tuple(sorted(str(Path(path).relative_to(root)) for path in item['paths'])),
            item['note'],
        ): found['fault']
        for found in report['findings']
        for item in found['items']
    }


def kinds(report: dict) -> set[str]:
    return {found['kind'] for found in report['findings'] if found['fault']}


def plant_ten_faults(root: Path) -> dict[tuple[str, tuple[str, ...], str], bool]:
    """Damage a tree; returns what must be found of it, by hand."""
    train, query, gallery = 'bounding_box_train', 'query', 'bounding_box_test'

    empty = f'{train}/0002_c1s1_000000_00.jpg'
    (root / empty).write_bytes(b'')
    cut = f'{gallery}/0003_c2s1_000001_00.jpg'
    (root / cut).write_bytes((root / cut).read_bytes()[:-300])
    text = f'{gallery}/0003_c3s1_000002_00.jpg'
    (root / text).write_text('version https://git-lfs.github.com/spec/v1\n')
    source, copy = f'{train}/0004_c2s1_000001_00.jpg', f'{query}/0001_c2s1_000777_00.jpg'
    shutil.copy(root / source, root / copy)
    shared = f'{train}/0001_c3s1_000100_00.jpg'
    write_image(root / shared, 1, SIZE)
    write_image(root / f'{train}/0001_c4s1_000101_00.jpg', 1, SIZE)
    single = f'{train}/0040_c1s1_000000_00.jpg'
    write_image(root / single, 40, SIZE)
    lonely = f'{query}/0051_c1s1_000900_00.jpg'
    write_image(root / lonely, 51, SIZE)
    write_image(root / f'{gallery}/0051_c1s1_000901_00.jpg', 51, SIZE)
    film = f'{train}/0002_c1s1_000003_00.mp4'
    (root / film).write_bytes(b'ftypisom')
    junk = f'{gallery}/-1_c5s1_000100_00.jpg'
    write_image(root / junk, -1, SIZE)

    first_of_1 = f'{query}/0001_c1s1_000900_00.jpg'
    return {
        ('unreadable', (empty,), 'empty file'): True,
        ('unreadable', (cut,), ''): True,
        ('unreadable', (text,), 'not an image that OpenCV can decode'): True,
        ('duplicate_across', (source, copy), ''): True,
        ('shared_identity', (shared, first_of_1), 'identity 1'): True,
        ('count', (), '42 images (expected 43)'): True,
        ('unmatched_query', (lonely,), 'identity 51, camera 1'): True,
        ('single_image', (single,), 'identity 40'): False,
        ('left_out', (film,), ''): True,
        ('stray', (junk,), ''): False,
    }


def test_ten_planted_faults_are_found_and_nothing_else(market, monkeypatch):
    code, report = check('market1501', market)
    before = cases(report, market)
    assert code == 0
    assert not any(before.values())

    planted = plant_ten_faults(market)
    monkeypatch.setattr(Market1501, 'expected', DAMAGED)
    code, report = check('market1501', market)
    after = cases(report, market)
    assert code == 1
    assert before.items() <= after.items()
    new = {key: after[key] for key in after.keys() - before.keys()}
    # How a cut file fails to decode depends on the version of OpenCV.
    assert {without_reason(key): fault for key, fault in new.items()} == {
        without_reason(key): fault for key, fault in planted.items()
    }
    assert len(new) == len(planted) == 10


def without_reason(case: tuple) -> tuple:
    kind, paths, note = case
    return kind, paths, '' if kind == 'unreadable' and note != 'empty file' else note


def test_the_strays_of_a_clean_tree(market):
    _, report = check('Market1501', market.parent)
    strays = {f['what']: len(f['items']) for f in report['findings'] if f['kind'] == 'stray'}
    assert strays == {
        'passed over: folder __MACOSX': 3,
        'passed over: hidden file': 6,
        'passed over: junk, pid -1': 2,
        'passed over: left by a desktop': 3,
        'passed over: not an image suffix': 3,
    }


@pytest.mark.parametrize('tree', WRITERS)
def test_clean_trees_have_no_faults(tree, tmp_path):
    WRITERS[tree](tmp_path)
    code, report = check(tree, tmp_path, '--ignore-counts')
    assert (code, kinds(report)) == (0, set())


@pytest.mark.parametrize(
    ('name', 'tree'),
    [('veri', 'veri776'), ('dukemtmcreid', 'dukemtmc'), ('p_duke', 'p_dukemtmc')],
)
def test_a_dataset_by_the_name_of_its_folder(name, tree, tmp_path):
    WRITERS[tree](tmp_path)
    code, _ = check(name, tmp_path, '--ignore-counts')
    assert code == 0


def test_counts_are_shown_beside_the_expected_ones(market, monkeypatch):
    monkeypatch.setattr(
        Market1501, 'expected', {**CLEAN, 'train': SplitStatistics(12_936, 6, 6)}
    )
    outcome = run(TOOL, 'market1501', market)
    lines = [' '.join(line.split()) for line in outcome.out.splitlines()]
    assert outcome.code == 1
    assert lines[0] == f'Market1501 in {market}'
    assert lines[3] == 'train 39 differs from 12,936 6 ok 6 ok 1-6 0 0'
    assert lines[4] == 'query 3 ok 3 ok 1 1 3 0'
    assert lines[5] == 'gallery 21 ok 4 6 ok 1-6 0 0'
    assert outcome.out.endswith('differs: 1 fault\n')
    assert outcome.err.startswith('decoding 63 images\n')


def test_an_uncertain_count_is_information(tmp_path):
    WRITERS['cub200'](tmp_path)
    code, report = check('cub200', tmp_path)
    assert code == 1  # the number of classes is certain
    train = report['datasets'][0]['splits']['train']
    assert train['images'] == {'found': 36, 'expected': 5864, 'state': 'about'}
    assert train['identities'] == {'found': 6, 'expected': 100, 'state': 'differs'}
    faults = {
        item['note']: found['fault'] for found in report['findings'] for item in found['items']
    }
    assert faults['36 images (expected about 5,864)'] is False
    assert faults['6 identities (expected 100)'] is True


def test_a_config_says_what_is_checked(market):
    config = leaf('msvit-s_market1501')
    code, report = check(config, market)
    assert code == 0
    assert list(report['datasets'][0]['splits']) == ['train', 'query', 'gallery']
    code, _ = check(config, None, *options({'data_root': market}))
    assert code == 0


@pytest.mark.parametrize(('wish', 'code'), [('error', 1), ('warn', 0), ('ignore', 0)])
def test_a_config_says_what_counts_mean(wish, code, market, monkeypatch):
    monkeypatch.setattr(Market1501, 'expected', DAMAGED)
    found, report = check(
        leaf('msvit-s_market1501'), market, *options({'on_count_mismatch': wish})
    )
    assert found == code
    assert bool([f for f in report['findings'] if f['kind'] == 'count']) == (wish != 'ignore')


def test_members_of_a_joined_set_are_checked_each(tmp_path):
    write_market1501(tmp_path / 'data')
    WRITERS['dukemtmc'](tmp_path / 'data')
    config = tmp_path / 'joined.py'
    config.write_text(
        'members = [dict(type="Market1501"), dict(type="DukeMTMC", name="duke")]\n'
        'train_dataloader = dict(dataset=dict(type="JoinedDataset", datasets=members))\n'
        'test_dataloader = dict(\n'
        '    dataset=dict(type="JoinedDataset", datasets=members[1:], split="test"))\n'
        'data_root = "%s"\n'
        'on_count_mismatch = "ignore"\n' % (tmp_path / 'data')
    )
    code, report = check(config, None)
    assert code == 0
    assert {one['name']: list(one['splits']) for one in report['datasets']} == {
        'Market1501': ['train'],
        'DukeMTMC': ['train', 'query', 'gallery'],
    }


def test_every_test_list_of_a_published_config_is_compared(tmp_path):
    WRITERS['vehicleid'](tmp_path)
    folder = tmp_path / 'VehicleID_V1.0'
    write_image(folder / 'image/0000003.jpg', 2, SIZE)
    with (folder / 'train_test_split/test_list_2400.txt').open('a') as file:
        file.write('0000003 2\n')
    code, report = check(leaf('msvit-s_vehicleid'), tmp_path, '--ignore-counts')
    assert code == 1
    found = [(f['kind'], f['where']) for f in report['findings'] if f['fault']]
    assert found == [('shared_identity', 'VehicleID 2400')]


def test_dataset_options(tmp_path):
    WRITERS['msmt17'](tmp_path)
    _, report = check('msmt17', tmp_path, '--ignore-counts', *options({'include_val': False}))
    assert report['datasets'][0]['splits']['train']['images']['found'] == 30
    strays = [f for f in report['findings'] if f['what'].endswith('on no list that is read')]
    assert len(strays[0]['items']) == 7


def test_a_set_for_testing_only(tmp_path):
    write_occluded_reid(tmp_path)
    _, report = check('occluded_reid', tmp_path, '--ignore-counts')
    assert list(report['datasets'][0]['splits']) == ['query', 'gallery']


def test_without_decoding_only_empty_and_missing_images_are_found(market):
    folder = market / 'bounding_box_train'
    (folder / '0002_c1s1_000000_00.jpg').write_bytes(b'')
    (folder / '0004_c1s1_000000_00.jpg').write_text('text')
    code, report = check('market1501', market, '--no-decode')
    found = [f for f in report['findings'] if f['kind'] == 'unreadable']
    assert code == 1
    assert [item['note'] for f in found for item in f['items']] == ['empty file']


@pytest.mark.parametrize('flags', [(), ('--no-decode',)])
def test_a_link_to_nothing_is_a_missing_image(flags, market):
    link = market / 'bounding_box_train' / '0002_c1s1_000000_00.jpg'
    link.unlink()
    link.symlink_to(market / 'gone.jpg')
    code, report = check('market1501', market, *flags)
    assert code == 1
    (found,) = (f for f in report['findings'] if f['fault'])
    assert found['kind'] == 'unreadable'
    assert found['items'] == [{'paths': [str(link)], 'note': 'No such file or directory'}]


def test_one_worker_finds_what_many_find(market):
    plant_ten_faults(market)
    assert check('market1501', market, '--workers', 1) == check(
        'market1501', market, '--workers', 8
    )


# --- unusable ------------------------------------------------------------------------------


def refused(*arguments: object) -> str:
    outcome = run(TOOL, *arguments)
    assert (outcome.code, outcome.out) == (2, '')
    assert outcome.err.count('\n') == 1
    return outcome.err


def test_an_unknown_name(tmp_path):
    error = refused('markt1501', tmp_path)
    assert "did you mean 'Market1501'" in error
    assert 'OccludedDuke' in error
    assert 'nplabeled' in error
    _, _, known = error.strip().partition('known datasets are ')
    names = known.split(', ')
    classes = {name for name in names if not name.startswith('np')}
    assert set(names) - classes == {'npdetected', 'nplabeled'}
    # Every other name is a class's, so it is written as one.
    assert all(name[0].isupper() for name in classes)


def test_a_near_name_of_a_folder_suggests_its_class(tmp_path):
    assert "did you mean 'Cars196'" in refused('stanford_car', tmp_path)


def test_a_folder_without_the_name_of_what_lies_there(tmp_path):
    error = refused(tmp_path)
    assert f'reiddataset {tmp_path}' in error
    assert 'known datasets' not in error


def test_a_report_that_has_no_place(market):
    assert 'is a folder' in refused('market1501', market, '--json', market)
    (market / 'file').write_text('')
    outcome = run(TOOL, 'market1501', market, '--json', market / 'file' / 'check.json')
    assert outcome.code == 2
    assert "check.json' cannot be written" in outcome.err
    # Before hours are spent on it.
    assert outcome.out == ''


def test_a_config_that_is_none(tmp_path):
    assert 'does not exist' in refused('nothing.py', tmp_path)
    base = REPOSITORY / 'configs/_base_/models/msvit-s.py'
    assert 'names no dataset' in refused(base, tmp_path)


def test_a_missing_root():
    assert "'/nowhere'" in refused('market1501', '/nowhere')


def test_an_empty_split(market):
    shutil.rmtree(market / 'query')
    (market / 'query').mkdir()
    assert "split 'query' is empty" in refused('market1501', market)


def test_a_name_that_cannot_be_read(market):
    write_image(market / 'query' / 'holiday.jpg', 1, SIZE)
    assert 'holiday.jpg' in refused('market1501', market)


def test_an_option_the_dataset_does_not_take(market):
    assert 'variant' in refused('market1501', market, *options({'variant': 'labeled'}))


def test_no_workers(market):
    assert 'workers is 0' in refused('market1501', market, '--workers', 0)


def test_a_real_terminal(market):
    command = [sys.executable, str(REPOSITORY / 'tools' / TOOL), 'market1501', str(market)]
    done = subprocess.run(command, capture_output=True, text=True)
    # Another process knows the real counts.
    assert done.returncode == 1
    assert '39 differs from 12,936' in done.stdout
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('given', [[], ['--data-root']])
def test_a_list_of_own_data_is_named_as_for_training(given, tmp_path):
    """What `split` prints, a list in a folder, is what every command takes: here 3 splits."""
    rows = ['path,pid,split']
    for number, (pid, split) in enumerate(
        [('a', 'train'), ('a', 'train'), ('b', 'query'), ('b', 'gallery')]
    ):
        write_image(tmp_path / f'{number}.png', number, (64, 128))
        rows.append(f'{number}.png,{pid},{split}')
    (tmp_path / 'mine.csv').write_text('\n'.join(rows))
    outcome = run(TOOL, 'own-person-128x64', *given, tmp_path / 'mine.csv')
    cells = [line.split()[:3] for line in outcome.out.splitlines()]
    assert [row for row in cells if row[:1] in (['train'], ['query'], ['gallery'])] == [
        ['train', '2', '1'],
        ['query', '1', '1'],
        ['gallery', '1', '1'],
    ]


def test_two_roots(tmp_path):
    outcome = run(TOOL, 'market1501', tmp_path, '--data-root', tmp_path)
    assert outcome.code == 2
    assert 'ROOT and --data-root mean the same' in outcome.err
