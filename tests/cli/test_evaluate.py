"""tools/test.py."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from msvitreid.engine import load_config
from msvitreid.registry import MODELS
from tests.miniature import TreeShape, write_market1501
from tests.miniature.tree import write_image
from tests.tools.user import SMALL, leaf, options, run

MARKET = leaf('msvit-s_market1501')


@pytest.fixture(scope='module')
def hard_tree(tmp_path_factory):
    """A Market-1501 whose test images have one of two colors, so that many matches are wrong."""
    root = tmp_path_factory.mktemp('hard')
    shape = TreeShape(train_identities=2, test_identities=5, images=3)
    table = write_market1501(root, shape)
    for split in ('query', 'gallery'):
        for row in table[split]:
            write_image(Path(row.img_path), row.pid % 4, shape.image_size)
    return root, table


@pytest.fixture
def evaluate(hard_tree, trained, tmp_path):
    """Evaluate ``averaged.pth`` on the hard tree and return the report's metrics."""

    def evaluate(*flags, checkpoint=trained / 'averaged.pth', **changes):
        result = tmp_path / 'new' / 'result.json'
        given = ['--work-dir', tmp_path / 'work', '--out', result, *flags]
        changes = {**SMALL, 'data_root': hard_tree[0], **changes}
        outcome = run('test.py', MARKET, checkpoint, *given, *options(changes))
        assert outcome.code == 0, outcome.err
        assert [path.name for path in result.parent.iterdir()] == ['result.json']
        return json.loads(result.read_text())['metrics']

    return evaluate


def embed_by_hand(rows, checkpoint):
    """Embeddings of the images with the net of the config, without the package's data side."""
    cfg = load_config(MARKET, SMALL)
    model = MODELS.build(cfg.model)
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    model.load_state_dict({n: w for n, w in weights.items() if 'classifiers' not in n})
    model.eval()
    images = [cv2.resize(cv2.imread(row.img_path)[..., ::-1], (128, 384)) for row in rows]
    batch = torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2) / np.float32(255))
    with torch.no_grad():
        summed = torch.cat(model(batch), 1) + torch.cat(model(batch.flip(3)), 1)
    return (summed / summed.norm(dim=1, keepdim=True)).double().numpy()


def rank_by_hand(query, gallery, query_rows, gallery_rows):
    """Trapezoid mAP, mINP and rank-k by the Market rule, one query at a time."""
    precisions, penalties, first_hits = [], [], []
    for embedding, row in zip(query, query_rows, strict=True):
        seen = [
            (float(embedding @ other), theirs.pid == row.pid)
            for other, theirs in zip(gallery, gallery_rows, strict=True)
            if (theirs.pid, theirs.camid) != (row.pid, row.camid)
        ]
        hits = [hit for _, hit in sorted(seen, key=lambda pair: -pair[0])]
        ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
        area = 0.0
        for number, rank in enumerate(ranks, start=1):
            before = (number - 1) / (rank - 1) if rank > 1 else 1.0
            area += (before + number / rank) / 2 / len(ranks)
        precisions.append(area)
        penalties.append(len(ranks) / ranks[-1])
        first_hits.append(ranks[0])
    return {
        'mAP': np.mean(precisions),
        'mINP': np.mean(penalties),
        **{f'rank-{k}': np.mean([hit <= k for hit in first_hits]) for k in (1, 5, 10)},
    }


def test_figures_equal_those_computed_by_hand(evaluate, hard_tree, trained):
    table = hard_tree[1]
    query, gallery = (
        embed_by_hand(table[split], trained / 'averaged.pth') for split in ('query', 'gallery')
    )
    expected = rank_by_hand(query, gallery, table['query'], table['gallery'])
    assert 0.1 < expected['mAP'] < 0.9, 'the tree is too easy or too hard to show anything'
    assert evaluate() == pytest.approx(expected, abs=1e-6)


def test_bootstrap_adds_intervals(evaluate):
    plain, metrics = evaluate(), evaluate('--bootstrap', '30')
    ends = {f'{name}-ci95-{end}' for name in plain for end in ('low', 'high')}
    assert metrics.keys() == plain.keys() | ends
    assert all(
        metrics[f'{name}-ci95-low'] <= value <= metrics[f'{name}-ci95-high']
        for name, value in plain.items()
    )
    assert metrics['mAP-ci95-low'] < metrics['mAP-ci95-high']
    assert evaluate('--bootstrap', '30') == metrics


def test_rerank_adds_figures(evaluate):
    plain, reranked = evaluate(), evaluate('--rerank')
    assert {name for name in reranked if name.endswith('-rerank')} == {
        f'{name}-rerank' for name in plain
    }
    assert {name: reranked[name] for name in plain} == plain
    assert reranked['mAP-rerank'] != plain['mAP']


def test_neither_training_data_nor_pretrained_file_is_needed(evaluate, hard_tree, tmp_path):
    shutil.copytree(hard_tree[0], tmp_path / 'data')
    shutil.rmtree(tmp_path / 'data' / 'Market-1501-v15.09.15' / 'bounding_box_train')
    changes = {'data_root': tmp_path / 'data', 'model.pretrained': 'pretrain/missing.pth'}
    assert evaluate(**changes) == evaluate()


def test_a_checkpoint_of_training_and_a_wrapped_one_do_as_well(evaluate, trained, tmp_path):
    checkpoint = torch.load(trained / 'averaged.pth', weights_only=True)
    wrapped = {f'module.{name}': value for name, value in checkpoint['state_dict'].items()}
    torch.save(wrapped, tmp_path / 'wrapped.pth')
    assert evaluate(checkpoint=tmp_path / 'wrapped.pth') == evaluate()
    assert set(evaluate(checkpoint=trained / 'epoch_1.pth')) == set(evaluate())


def test_a_model_file_is_tested_with_its_own_net_and_preprocessing(
    evaluate, hard_tree, trained, tmp_path
):
    """Class of faults: a file's weights in the net, or behind the pipeline, of another config.

    The config's own net is MSViT-S.
    """
    file, result = trained / 'model.safetensors', tmp_path / 'of_file.json'
    changes = {
        'data_root': hard_tree[0],
        'on_count_mismatch': 'ignore',
        'test_dataloader.num_workers': 0,
    }
    given = [MARKET, file, '--work-dir', tmp_path / 'work', '--out', result]
    outcome = run('test.py', *given, *options(changes))
    assert outcome.code == 0, outcome.err
    assert json.loads(result.read_text())['metrics'] == evaluate()
    outcome = run('test.py', *given, *options({**changes, 'model.flip_test': False}))
    assert outcome.code == 2
    assert 'model.flip_test: without effect' in outcome.err


def test_plain_average_precision_is_an_option(evaluate):
    assert evaluate(**{'test_evaluator.ap': 'plain'})['mAP'] != evaluate()['mAP']


def test_the_report_says_where_the_checkpoint_is_from_any_folder(
    hard_tree, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(trained)
    result = tmp_path / 'result.json'
    changes = {**SMALL, 'data_root': hard_tree[0]}
    given = ['--work-dir', tmp_path / 'work', '--out', result, *options(changes)]
    assert run('test.py', MARKET, 'averaged.pth', *given).code == 0
    checkpoint = json.loads(result.read_text())['checkpoint']
    assert checkpoint['path'] == str(trained / 'averaged.pth')
