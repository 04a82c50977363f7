"""How each miniature tree is read, and what was read of it."""

from __future__ import annotations

from msvitreid.datasets import (
    CUB200,
    CUHK03NP,
    MSMT17,
    SOP,
    Cars196,
    DukeMTMC,
    InShop,
    Market1501,
    OccludedDuke,
    OccludedREID,
    PartialREID,
    PDukeMTMC,
    University1652,
    VehicleID,
    VeRi776,
)
from tests.miniature import Row

# Tree -> dataset, its options, and its folder below the root.
DATASETS = {
    'occluded_duke': (OccludedDuke, {}, 'Occluded_Duke'),
    'p_dukemtmc': (PDukeMTMC, {}, 'P-DukeMTMC-reid'),
    'market1501': (Market1501, {}, 'Market-1501-v15.09.15'),
    'dukemtmc': (DukeMTMC, {}, 'DukeMTMC-reID'),
    'npdetected': (CUHK03NP, {'variant': 'detected'}, 'cuhk03-np/detected'),
    'nplabeled': (CUHK03NP, {'variant': 'labeled'}, 'cuhk03-np/labeled'),
    'msmt17': (MSMT17, {}, 'MSMT17_V1'),
    'car196': (Cars196, {}, 'CARS'),
    'cub200': (CUB200, {}, 'CUB_200_2011'),
    'veri776': (VeRi776, {}, 'VeRi'),
    'vehicleid': (VehicleID, {}, 'VehicleID_V1.0'),
    'sop': (SOP, {}, 'Stanford_Online_Products'),
    'inshop': (InShop, {}, 'In-shop'),
    'university1652': (University1652, {}, 'University-Release'),
    'occluded_reid': (OccludedREID, {}, 'Occluded_REID'),
    'partial_reid': (PartialREID, {}, 'Partial-REID_Dataset'),
}


def build(name, data_root, **options):
    dataset_type, fixed, _ = DATASETS[name]
    return dataset_type(str(data_root), on_count_mismatch='ignore', **{**fixed, **options})


def entries(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def rows(dataset, split):
    return [
        Row(entry['img_path'], entry['pid'], entry['camid'])
        for entry in entries(dataset)
        if entry['split'] == split
    ]


def assert_equals_table(build_split, table):
    if 'train' in table:
        train = build_split('train')
        assert rows(train, 'train') == sorted(table['train'])
        pids = sorted({row.pid for row in table['train']})
        assert train.metainfo['num_classes'] == len(pids)
        assert train.labels.tolist() == [pids.index(row.pid) for row in sorted(table['train'])]
    test = build_split('test')
    test_splits = [split for split in ('query', 'gallery') if split in table]
    assert [(e['split'], e['img_path']) for e in entries(test)] == [
        (split, row.img_path) for split in test_splits for row in sorted(table[split])
    ]
    for split in test_splits:
        assert rows(test, split) == rows(build_split(split), split) == sorted(table[split])
