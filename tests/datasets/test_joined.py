from __future__ import annotations

import numpy as np
import pytest
from mmengine.config import Config

from msvitreid.datasets import IdentitySampler, JoinedDataset, SplitStatistics
from msvitreid.engine import complete_config
from msvitreid.errors import ConfigError, DatasetError
from msvitreid.registry import DATASETS
from tests.miniature import TreeShape, write_cub200, write_dukemtmc, write_market1501

MARKET, DUKE = dict(type='Market1501'), dict(type='DukeMTMC', name='duke')


@pytest.fixture(scope='module')
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    shape = TreeShape(train_identities=3, test_identities=2, images=8, image_size=(4, 2))
    tables = [write(root, shape) for write in (write_market1501, write_dukemtmc)]
    write_cub200(root, shape)
    return str(root), *tables


def join(root, *members, **options):
    return JoinedDataset(members, root, on_count_mismatch='ignore', **options)


def entries(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_training_keeps_identities_and_cameras_apart(trees):
    root, market, duke = trees
    joined = join(root, MARKET, DUKE)
    rows = [*sorted(market['train']), *sorted(duke['train'])]
    found = entries(joined)
    assert [e['img_path'] for e in found] == [row.img_path for row in rows]
    assert [e['sample_idx'] for e in found] == list(range(len(rows)))
    first = len(market['train'])
    # Pids 2, 4, 6 and cameras 1-6 of Market; the same pids, and cameras 1-8, of Duke.
    assert [(e['pid'], e['camid']) for e in found[:first]] == [
        (r.pid, r.camid) for r in rows[:first]
    ]
    assert [(e['pid'], e['camid']) for e in found[first:]] == [
        (row.pid + 7, row.camid + 7) for row in rows[first:]
    ]
    assert joined.labels.tolist() == [row.pid // 2 - 1 for row in rows[:first]] + [
        row.pid // 2 + 2 for row in rows[first:]
    ]
    assert joined.metainfo['num_classes'] == 6
    assert {e['dataset'] for e in found} == {'Market1501', 'duke'}
    assert joined.statistics() == {'train': SplitStatistics(len(rows), 6, 14)}


def test_a_test_is_several_named_sets(trees):
    root, market, duke = trees
    joined = join(root, MARKET, DUKE, split='test')
    assert [(e['dataset'], e['split'], e['img_path']) for e in entries(joined)] == [
        (name, split, row.img_path)
        for name, table in (('Market1501', market), ('duke', duke))
        for split in ('query', 'gallery')
        for row in sorted(table[split])
    ]
    by_name = {name: {e['pid'] for e in entries(joined) if e['dataset'] == name}
               for name in ('Market1501', 'duke')}  # fmt: skip
    assert not by_name['Market1501'] & by_name['duke']
    assert 'num_classes' not in joined.metainfo
    assert not any('label' in e for e in entries(joined))


def test_unknown_cameras_stay_unknown(trees):
    root, *_ = trees
    joined = join(root, MARKET, dict(type='CUB200'), split='query')
    assert {e['camid'] for e in entries(joined) if e['dataset'] == 'CUB200'} == {-1}


def test_three_members_and_a_subset(trees):
    root, *_ = trees
    joined = join(root, DUKE, dict(type='CUB200'), {**MARKET, 'indices': 3})
    assert joined.metainfo['num_classes'] == 9
    assert np.unique(joined.labels).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert len(join(root, MARKET, DUKE, indices=5)) == 5


def test_one_pipeline_for_all(trees):
    root, *_ = trees
    joined = join(
        root, MARKET, DUKE, pipeline=[dict(type='LoadImage'), dict(type='PackReIDInputs')]
    )
    for index in (0, len(joined) - 1):
        item = joined[index]
        assert item['inputs'].shape == (3, 4, 2)
        assert item['data_samples'].sample_idx == index
    assert joined[0]['data_samples'].dataset == 'Market1501'
    assert joined[len(joined) - 1]['data_samples'].dataset == 'duke'


def test_the_identity_sampler_draws_from_all(trees):
    root, *_ = trees
    joined = join(root, MARKET, DUKE)
    batch = list(IdentitySampler(joined, batch_size=12, num_instances=2, seed=0))[:12]
    assert sorted(np.unique(joined.labels[batch])) == [0, 1, 2, 3, 4, 5]


def test_shared_options_reach_the_members(trees):
    root, *_ = trees
    cfg = Config(
        dict(
            data_root=root,
            on_count_mismatch='ignore',
            train_dataloader=dict(
                dataset=dict(type='JoinedDataset', split='train', datasets=[MARKET, DUKE])
            ),
        )
    )
    dataset = DATASETS.build(complete_config(cfg).train_dataloader.dataset)
    assert dataset.metainfo['num_classes'] == 6


def test_a_members_own_options_stay(trees, tmp_path):
    root, *_ = trees
    (tmp_path / 'own.csv').write_text('path,pid\na,1\n')
    own = dict(type='ReIDDataset', data_root=str(tmp_path), csv='own.csv', name='own')
    joined = join(root, own, MARKET)
    assert entries(joined)[0]['img_path'] == str(tmp_path / 'a')
    with pytest.raises(DatasetError, match='expected 16,522'):
        join(root, MARKET, {**DUKE, 'on_count_mismatch': 'error'})


def test_nothing_is_read_until_asked(tmp_path):
    joined = join(str(tmp_path), MARKET, lazy_init=True)
    with pytest.raises(DatasetError, match='Market1501: not found'):
        len(joined)


@pytest.mark.parametrize(
    ('members', 'message'),
    [
        ((), 'datasets is empty'),
        ((MARKET, MARKET), "two members are called 'Market1501'"),
        ((DUKE, {**MARKET, 'name': 'duke'}), "two members are called 'duke'"),
        (({**MARKET, 'name': 'Market 1501'}, MARKET), 'two members .*are the same text'),
        ((MARKET, {**DUKE, 'pipeline': []}), 'the member DukeMTMC has its own pipeline'),
        (({**MARKET, 'split': 'train'},), 'the member Market1501 has its own split'),
        ((MARKET, {**DUKE, 'on_unreadable': 'redraw'}), 'DukeMTMC has its own on_unreadable'),
        (('Market1501',), "the member 'Market1501' is no dict"),
        ((dict(type='Market1501', sizes=3),), r'Market1501\.sizes'),
        ((dict(type='Market1510'),), "did you mean 'Market1501'"),
        ((dict(type='ConcatDataset', datasets=[MARKET]),), 'ConcatDataset cannot be a member'),
        ((dict(type='JoinedDataset', datasets=[MARKET]),), 'JoinedDataset cannot be a member'),
        ((dict(name='market'),), r"the member \{'name': 'market'\} names no type"),
    ],
)
def test_members_that_cannot_be_joined(members, message, trees):
    root, *_ = trees
    with pytest.raises(ConfigError, match=message):
        join(root, *members)
