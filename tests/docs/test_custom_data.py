"""The walk of docs/en/custom_data.md, as a reader takes it; only sizes are changed.

It begins with a folder of 300 drawn crops.
"""

from __future__ import annotations

import csv
import json
import runpy
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch

from msvitreid.checkpoints.model_file import read_model_file
from msvitreid.datasets.readers.csv_list import read_csv
from msvitreid.demo.drawn import make_synthetic
from tests.miniature import TreeShape, write_dukemtmc, write_market1501, write_msmt17
from tests.tools.user import REPOSITORY, SMALL, Outcome, options, run

from .page import Page

SIZES = {**SMALL, 'train_cfg.max_epochs': 1}
# Of the configs of configs/own.
FEW_STEPS = {'train_dataloader.sampler.min_batches': 2}
SPLIT = 'dataset_tools/split_dataset.py'
OWN = ('--data-root', 'data/my-crops/split.csv')
IDENTITIES = {'train': 5, 'test': 2}
SPLITS = {'bounding_box_train': 'train', 'query': 'query', 'bounding_box_test': 'gallery'}
WITHOUT_CAMERAS = (
    "no image has a camera id, so no gallery image is left out for being of the query's camera"
)


@pytest.fixture(scope='module')
def page():
    return Page('custom_data.md')


@pytest.fixture(scope='module')
def walk(page, tmp_path_factory) -> tuple[Path, dict[str, Outcome]]:
    """Where the reader is, and what each command of the page printed."""
    root = tmp_path_factory.mktemp('checkout')
    for name in ('configs', 'tools'):
        (root / name).symlink_to(REPOSITORY / name)
    page.write_configs(root)
    write_data(root / 'data', page.files['data/crops/crops.csv'])
    write_own_crops(root / 'data' / 'my-crops')
    outcomes = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv('MSVITREID_DATA_ROOT', raising=False)
        for tool, arguments in page.commands:
            untested = 'val_dataloader=None' in arguments
            sizes = {k: v for k, v in SIZES.items() if not (untested and k.startswith('val_'))}
            if arguments[0].startswith('own-'):
                sizes |= FEW_STEPS
            small = [] if tool == SPLIT else options(sizes)
            outcome = run(tool, *arguments, *small)
            assert outcome.code == 0, (tool, arguments, outcome.err)
            outcomes[' '.join([tool, *arguments])] = outcome
    return root, outcomes


def write_own_crops(folder: Path) -> None:
    """300 drawn crops of 30 people, by three cameras, in a folder per person."""
    drawn = folder.parent / 'drawn people'
    make_synthetic(
        drawn,
        num_train_ids=30,
        num_test_ids=2,
        num_cams=3,
        images_per_id=10,
        size=(32, 16),
        workers=1,
    )
    for image in sorted((drawn / 'Occluded_Duke' / 'bounding_box_train').iterdir()):
        copy = folder / f'person {image.stem.split("_")[0]}' / image.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, copy)


def write_data(data: Path, listing: str) -> None:
    """Drawn crops, in folders and as the page's list has them, and miniature datasets."""
    drawn = data.parent / 'drawn'
    make_synthetic(
        drawn,
        num_train_ids=IDENTITIES['train'],
        num_test_ids=IDENTITIES['test'],
        num_cams=3,
        images_per_id=4,
        gallery_per_id=4,
        queries_per_id=2,
        size=(64, 32),
        workers=1,
    )
    rows = []
    for image in sorted((drawn / 'Occluded_Duke').rglob('*.jpg')):
        split = SPLITS[image.parent.name]
        pid, camera, _ = image.stem.split('_')
        path = f'{split}/person {pid}/{image.name}'
        for place in ('crops', 'products'):
            folder = split if place == 'crops' or split == 'train' else 'test'
            copy = data / place / path.replace(split, folder, 1)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image, copy)
        rows.append({'path': path, 'pid': pid, 'camid': camera, 'split': split})
    with open(data / 'crops' / 'crops.csv', 'w', newline='') as file:
        writer = csv.DictWriter(file, listing.splitlines()[0].split(','))
        writer.writeheader()
        writer.writerows(rows)
    shape = TreeShape(train_identities=3, test_identities=2, images=3)
    for write in (write_market1501, write_dukemtmc, write_msmt17):
        write(data, shape)


def classes(checkpoint: Path) -> int:
    """Identities that a net was trained on."""
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    return len(weights['head.classifiers.0.weight'])


def metrics(result: Path) -> dict[str, float]:
    return json.loads(result.read_text())['metrics']


def test_own_configs_are_short(page):
    names = [name for name in page.files if name.startswith('my_configs/')]
    configs = {name: page.files[name] for name in names}
    assert len(configs) == 6
    for name, text in configs.items():
        joined = 'JoinedDataset' in text
        assert len(text.strip().splitlines()) < (20 if joined else 10), name


def test_own_crops_are_split(walk):
    root, outcomes = walk
    (said,) = (outcome.out for name, outcome in outcomes.items() if name.startswith(SPLIT))
    with open(root / 'data/my-crops/split.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row['split'] for row in rows)
    assert sum(counts.values()) == 300
    assert len({row['pid'] for row in rows if row['split'] == 'query'}) == 9
    assert f'{counts["train"]} images  21 identities  3 cameras' in said
    assert '--data-root data/my-crops/split.csv' in said


def test_own_crops_are_trained_on_and_tested_with(walk):
    root, outcomes = walk
    name = ' '.join(['train.py own-person-128x64', *OWN])
    assert 'ReIDDataset train: 210 images, 21 identities, 3 cameras' in outcomes[name].out
    assert 'mAP' in metrics(root / 'my-crops.json')


def test_the_net_is_used_in_three_lines(page, walk, monkeypatch):
    root, _ = walk
    code = page.files['embed.py']
    assert len([line for line in code.splitlines() if line]) == 3
    monkeypatch.chdir(root)
    embeddings = runpy.run_path(str(root / 'embed.py'))['embeddings']
    assert len(embeddings) == 300


def test_the_files_of_the_net_say_whether_images_are_padded(walk):
    root, _ = walk
    for folder, kind in (('own-person-128x64', 'Resize'), ('letterbox', 'LetterboxResize')):
        file = read_model_file(root / 'work_dirs' / folder / 'model.safetensors')
        assert [step['type'] for step in file.description['pipeline']] == [kind]


def test_the_list_on_the_page_is_one(page, tmp_path):
    (tmp_path / 'crops.csv').write_text(page.files['data/crops/crops.csv'])
    found = read_csv(tmp_path / 'crops.csv', tmp_path, 'test')
    assert found['query'][0].img_path == f'{tmp_path}/south/1, left.jpg'
    assert found['query'][0].pid == found['gallery'][0].pid
    assert found['query'][0].camid != found['gallery'][0].camid


def test_folders(walk):
    root, outcomes = walk
    trained = outcomes['train.py my_configs/crops.py']
    assert 'ReIDDataset train: 20 images, 5 identities, 0 cameras (data/crops)' in trained.out
    assert classes(root / 'work_dirs/crops/averaged.pth') == 5
    assert set(metrics(root / 'crops.json')) == {'mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10'}


def test_the_output_says_that_nothing_is_filtered(page, walk):
    _, outcomes = walk
    assert WITHOUT_CAMERAS in ' '.join(page.text.split())
    for command, outcome in outcomes.items():
        without = command.startswith(
            ('train.py my_configs/crops.py', 'test.py my_configs/crops.py')
        )
        tested = 'val_dataloader=None' not in command
        assert (WITHOUT_CAMERAS in outcome.out) == (without and tested), command


def test_cameras(walk):
    _, outcomes = walk
    (tested,) = (out for name, out in outcomes.items() if 'crops-cameras' in name)
    assert 'ReIDDataset query: 4 images, 2 identities, 3 cameras' in tested.out


def test_list(walk):
    root, outcomes = walk
    trained = outcomes['train.py my_configs/crops-csv.py']
    assert 'ReIDDataset train: 20 images, 5 identities, 3 cameras (data/crops)' in trained.out
    assert classes(root / 'work_dirs/crops-csv/averaged.pth') == 5
    assert 'mAP' in metrics(root / 'crops-csv.json')


def test_images_that_search_each_other(walk):
    _, outcomes = walk
    trained = outcomes['train.py my_configs/products.py']
    assert 'RetrievalMetric: 12 images, each searching all the others: recall@1' in trained.out


def test_training_alone(walk):
    root, outcomes = walk
    (trained,) = (out for name, out in outcomes.items() if 'val_dataloader=None' in name)
    assert 'ReIDDataset train: 20 images, 5 identities' in trained.out
    assert 'ReIDMetric' not in trained.out.partition('Epoch(train)')[2]
    assert classes(root / 'work_dirs/all/averaged.pth') == 5


def test_several_test_sets_have_a_row_each(walk):
    root, outcomes = walk
    names = ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10')
    found = metrics(root / 'cross-domain.json')
    sets = ('market1501', 'duke', 'msmt17')
    assert set(found) == {f'{dataset}/{name}' for dataset in sets for name in names}
    assert all(0 <= value <= 1 for value in found.values())
    (tested,) = (out for name, out in outcomes.items() if 'cross-domain.json' in name)
    table = tested.out.rpartition('ReIDMetric:\n')[2].splitlines()
    assert table[0].split() == list(names)
    for dataset, row in zip(sets, table[1:], strict=False):
        wanted = [dataset, *(f'{found[f"{dataset}/{name}"]:.2%}' for name in names)]
        assert row.split() == wanted


def test_joint_training_has_a_class_for_every_identity(walk):
    root, _ = walk
    assert classes(root / 'work_dirs/cross-domain/averaged.pth') == 3
    assert classes(root / 'work_dirs/joint/averaged.pth') == 3 + 3 + IDENTITIES['train']
