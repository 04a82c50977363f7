"""Robustness of nets. Class of faults: a curve of other images, other draws or another net."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from msvitreid.apis import ReIDInferencer, robustness
from msvitreid.apis.robustness import joined_results, measure_robustness
from msvitreid.apis.tested_net import net_on_dataset
from msvitreid.apis.torch_net import TorchNet
from msvitreid.datasets import ReIDDataset
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.evaluation.metrics import RandomGalleryMetric, ReIDMetric, RetrievalMetric
from msvitreid.evaluation.robustness import chosen_conditions

HEIGHT, WIDTH, IDENTITIES = 48, 24, 12


class Rows(nn.Module):
    """A planted net that sees some rows of the image only: means of 8 blocks there."""

    def __init__(self, rows: slice) -> None:
        super().__init__()
        self.rows = rows

    def data_preprocessor(self, batch):
        return {'inputs': batch['inputs'].float() / 255 - 0.5}

    def embed(self, images, flip):
        seen = nn.functional.adaptive_avg_pool2d(images[:, :, self.rows], (4, 2))
        return nn.functional.normalize(seen.flatten(1) + 1e-6, dim=1)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """12 identities, each a pattern of its own in both halves, queried once; noise."""
    root = tmp_path_factory.mktemp('set')
    rng = np.random.default_rng(0)
    for identity in range(IDENTITIES):
        own = rng.integers(118, 138, (8, 2, 3))
        for number in range(4):
            place = root / ('gallery' if number else 'query') / f'p{identity}'
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.kron(own, np.ones((6, 12, 1))) + rng.normal(0, 12, (HEIGHT, WIDTH, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(place / f'{identity}_{number}.png')
    return root


def net(folder, rows=slice(None), metric=None, split='test', fingerprint='a' * 64):
    description = {
        'pipeline': [],
        'preprocessing': {'image_size': [HEIGHT, WIDTH], 'value_range': None},
        'flip': False,
        'dimension': 24,
        'fingerprint': fingerprint,
    }
    inferencer = ReIDInferencer(TorchNet(Rows(rows), description), device='cpu')
    checkpoint = next(Path(folder).rglob('*.png'))  # its digest is all that is read of it
    return net_on_dataset(inferencer, ReIDDataset(str(folder), split), metric, checkpoint)


def measured(tested, *names, **options):
    options = {'resamples': 0, 'workers': 0, **options}
    result = measure_robustness(tested, chosen_conditions(names), **options)
    return [
        [one.figures['mAP'].value for one in curve.levels] for curve in result.nets[0].curves
    ]


def test_a_net_that_reads_the_lower_half(folder):
    """It falls where the lower half is covered, and where the upper half is, nothing changes."""
    lower = net(folder, slice(HEIGHT // 2, None))
    below, above = measured(lower, 'occlusion-bottom-gray', 'occlusion-top-gray')
    assert below[0] == above[0] > 0.95
    assert above[1:6] == [above[0]] * 5, 'up to half of the image'
    assert below[5] < 0.5
    assert below[0] > below[3] > below[5]
    upper = net(folder, slice(0, HEIGHT // 2))
    below, above = measured(upper, 'occlusion-bottom-gray', 'occlusion-top-gray')
    assert below[1:6] == [below[0]] * 5
    assert above[5] < 0.5


@pytest.mark.parametrize('metric', [ReIDMetric(ap='plain'), RetrievalMetric(topk=(1,))])
def test_clean_is_the_plain_test_to_the_last_digit(folder, metric):
    tested = net(folder, slice(8, 10), metric)
    (curve,) = (
        measure_robustness(tested, chosen_conditions(['jpeg']), resamples=20, workers=0)
        .nets[0]
        .curves
    )
    metric.bootstrap = 20
    figures = metric.compute_metrics([tested.test_set.embedded(tested.embed(workers=0))])
    name = 'rank-1' if isinstance(metric, ReIDMetric) else 'recall@1'
    assert curve.levels[0].figures['rank-1'].value == figures[name] > 0.3
    if name == 'rank-1':
        assert curve.levels[0].figures['mAP'].value == figures['mAP'] < 1
        ends = figures['mAP-ci95-low'], figures['mAP-ci95-high']
        assert curve.levels[0].figures['mAP'][1:] == ends


def test_draws_do_not_depend_on_workers_or_order(folder):
    names = 'occlusion-scattered-people', 'noise'
    tested = net(folder)
    first = measured(tested, *names, seed=3)
    assert measured(tested, *names, seed=3, workers=2) == first
    assert measured(tested, *reversed(names), seed=3) == first[::-1]
    assert measured(tested, *names, seed=4) != first


@pytest.mark.parametrize('apply_to', ['query', 'gallery', 'both'])
def test_what_is_corrupted(folder, apply_to):
    """The embeddings that are ranked differ from the clean ones on the asked side alone."""
    tested = net(folder)
    clean = tested.embed(workers=0)
    seen = []

    def embed(self, rows=None, edit=None, progress=None, workers=None):
        found = real(self, rows, edit, progress, 0)
        if edit is not None:
            seen.append((rows, bool((found != clean[rows]).any(dim=1).all())))
        return found

    real = type(tested).embed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(tested), 'embed', embed)
        measured(tested, 'darkness', apply_to=apply_to)
    sides = {bool(tested.test_set.labels.is_query[rows].all()) for rows, _ in seen}
    assert all(changed for _, changed in seen)
    assert sides == {'query': {True}, 'gallery': {False}, 'both': {True, False}}[apply_to]
    assert len(seen) == (10 if apply_to == 'both' else 5)


def test_images_that_search_each_other(folder):
    """A corrupted query searches the clean images, of which its own is left out."""
    only = folder / 'gallery'
    tested = net(only, metric=None, split='train')
    assert tested.test_set.metric.self_retrieval
    (curve,) = measured(tested, 'noise')
    assert 0.1 < curve[-1] < curve[0] <= 1


def test_what_is_done_is_kept(folder, tmp_path):
    names = ['jpeg', 'noise']
    steps = []
    options = dict(
        resamples=10, workers=0, parts=tmp_path / 'parts', follow=lambda one: steps.append(one)
    )
    tested = net(folder)
    measure_robustness(tested, chosen_conditions(names[:1]), **options)
    assert [(one.done, one.total) for one in steps] == [(n, 5) for n in range(1, 6)]
    steps.clear()
    found = measure_robustness(tested, chosen_conditions(names), **options)
    assert {one.condition for one in steps} == {'noise'}
    assert found.conditions == names
    steps.clear()
    assert measure_robustness(tested, chosen_conditions(names), **options) == found
    assert steps == []
    for changed in (
        dict(tested=tested, seed=1),
        dict(tested=tested, resamples=11),
        dict(tested=net(folder, fingerprint='a' * 63 + 'b')),
    ):
        steps.clear()
        measure_robustness(conditions=chosen_conditions(names[:1]), net=changed.pop('tested'),
                           **{**options, **changed})  # fmt: skip
        assert len(steps) == 5


def test_refusals(folder, tmp_path):
    conditions = chosen_conditions(['jpeg'])
    with pytest.raises(ConfigError, match='apply_to'):
        measure_robustness(net(folder), conditions, 'queries')
    with pytest.raises(ConfigError, match='RandomGalleryMetric'):
        measure_robustness(net(folder, metric=RandomGalleryMetric()), conditions)
    one, other = (
        measure_robustness(net(folder), conditions, seed=seed, resamples=0, workers=0)
        for seed in (0, 1)
    )
    with pytest.raises(ConfigError, match='different'):
        joined_results([one, other])
    lonely = tmp_path / 'gallery' / 'p0'
    lonely.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90 * number, np.uint8)).save(
            lonely / f'{number}.png'
        )
    alone = net(tmp_path / 'gallery', split='train')
    with pytest.raises(ConfigError, match='people'):
        measure_robustness(alone, chosen_conditions(['occlusion-top-people']), workers=0)
    (tmp_path / 'gallery' / 'p0' / '0.png').write_bytes(b'no image')
    with pytest.raises(DatasetError, match=r'0\.png'):
        measure_robustness(alone, conditions, workers=0)


def test_a_file_that_is_listed_twice_is_embedded_once(folder):
    tested = net(folder)
    count = len(tested.test_set.paths)
    tested.test_set.paths.append(tested.test_set.paths[0])
    found = tested.embed(np.array([count, 3, 0]), workers=0)
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[1])


def test_nobody_is_covered_by_an_image_of_the_same_person(monkeypatch):
    """The one who stands before a person is another, for every image and draw."""
    names, pids = ['a', 'b', 'c', 'd'], np.array([7, 3, 7, 5])
    monkeypatch.setattr(robustness, 'read_image', lambda path, _: path)
    people = robustness.OtherPeople(names, names, pids)
    rng = np.random.default_rng(0)
    drawn = {name: {people(name, rng) for _ in range(50)} for name in names}
    assert drawn == {
        'a': {'b', 'd'},
        'b': {'a', 'c', 'd'},
        'c': {'b', 'd'},
        'd': {'a', 'b', 'c'},
    }
