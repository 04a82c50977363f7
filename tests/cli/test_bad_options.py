"""Options and flags that a user can correct end in one sentence, exit code 2, nothing written."""

from __future__ import annotations

import pytest
import torch

from tests.tools.user import leaf, run

from .bench import MARKET, check

WRONG_OPTIONS = {
    'image that does not divide by the split size': (
        {'model.backbone.split_size': (7, 7)},
        ['stage 1', '96x32', '384x128', 'split_size 7x7'],
    ),
    'fewer identities than a batch needs': (
        {'train_dataloader.batch_size': 24},
        ['4 identities', 'needs 12', 'batch_size 24'],
    ),
    'batch that does not divide by K': (
        {'train_dataloader.batch_size': 5},
        ['batch_size 5', 'num_instances 2'],
    ),
    'counts that differ': (
        {'on_count_mismatch': 'error'},
        ['Market1501', 'train has 15 images (expected 12,936)', "on_count_mismatch='warn'"],
    ),
    'missing data root': (
        {'data_root': '/nowhere'},
        ["'/nowhere' is not a folder", 'set the option data_root'],
    ),
    'missing pretrained file': (
        {'model.pretrained': 'pretrain/missing.pth'},
        ["'pretrain/missing.pth'", 'model.pretrained=None', 'pretrain/README.md'],
    ),
    'pretrained file of another arch': (
        {'model.pretrained': '{trained}/epoch_1.pth', 'model.backbone.out_channels': 256},
        ['{trained}/epoch_1.pth', 'check the arch'],
    ),
    'averaging that begins too late': (
        {'custom_hooks.0.begin': 60},
        ['WeightAverageHook begin 60', 'last epoch 2'],
    ),
    'misspelt types of every section': (
        {
            'train_dataloader.dataset.type': 'Markt1501',
            'val_dataloader.dataset.pipeline.0.type': 'LoadImages',
            'train_dataloader.sampler.type': 'IdentitySamplr',
            'model.backbone.type': 'MSVit2',
            'model.neck.type': 'PartPolingNeck',
            'model.head.loss_triplet.type': 'TripletLoss',
            'custom_hooks.0.type': 'WeightAveragingHook',
            'optim_wrapper.optimizer.type': 'SDG',
            'param_scheduler.0.type': 'LinearRL',
            'val_evaluator.type': 'ReIDMetrics',
        },
        [
            *("'Markt1501'", "did you mean 'Market1501'", "'LoadImages'", "'LoadImage'"),
            *("'IdentitySamplr'", "'IdentitySampler'", "'MSVit2'", "'MSViT'"),
            *("'PartPolingNeck'", "'PartPoolingNeck'", "'TripletLoss'"),
            *("'BatchHardTripletLoss'", "'WeightAveragingHook'", "'WeightAverageHook'"),
            *("'SDG'", "'SGD'", "'LinearRL'", "'LinearLR'", "'ReIDMetrics'", "'ReIDMetric'"),
        ],
    ),
    'unknown arch': ({'model.backbone.arch': 'xl'}, ["'xl'", "['l', 's']"]),
    'misspelt options of every section': (
        {
            'model.neck.num_partz': 3,
            'model.bakbone.arch': 'l',
            'train_dataloader.dataset.splitt': 'train',
            'train_dataloader.batchsize': 3,
            'optim_wrapper.optimizer.momentun': 0.9,
            'custom_hooks.0.start': 3,
            'val_evaluator.top': 3,
            'train_cfg.epochs': 3,
            'env_cfg.dist_cfg.timeuot': 60,
        },
        [
            *('model.neck.num_partz', "'num_parts'", 'model.bakbone', "'backbone'"),
            *('train_dataloader.dataset.splitt', "'split'"),
            *('train_dataloader.batchsize', "'batch_size'"),
            *('optim_wrapper.optimizer.momentun', "'momentum'", 'custom_hooks[0].start'),
            *('val_evaluator.top', "'topk'", 'train_cfg.epochs', "'max_epochs'"),
            *('env_cfg.dist_cfg.timeuot', "'timeout'"),
        ],
    ),
    'more vectors than the head has': (
        {'model.neck.num_parts': 3, 'model.head.num_vectors': 5},
        ['6 vectors', 'num_vectors=5'],
    ),
    'value that the dataset does not know': (
        {'train_dataloader.dataset.split': 'training'},
        ['train_dataloader.dataset.split', "'train'", "got 'training'"],
    ),
    'wrong values in every section': (
        {
            'model.backbone.split_size': ['a', 'b'],
            'model.backbone.arch.dims': 3,
            'model.backbone.act_cfg.type': 'Gelu',
            'model.backbone.with_cp': 'yes',
            'model.data_preprocessor.mean': ['a', 'b', 'c'],
            'model.head.triplet_weight': 'high',
            'train_dataloader.sampler.num_instances': 'abc',
            'train_dataloader.num_workers': -1,
            'custom_hooks.0.begin': 'abc',
            'default_hooks.logger.interval': 'abc',
            'default_hooks.checkpoints': {'interval': 2},
            'optim_wrapper.accumulative_counts': 0,
            'optim_wrapper.optimizer.lr': 'fast',
            'optim_wrapper.optimizer.momentum': '9,0',
            'param_scheduler.0.start_factor': 'abc',
            'train_cfg.max_epochs': 0,
            'train_cfg.val_interval': 0,
            'randomness.seed': 'abc',
            'sync_bn': True,
            'compile.mode': 'fastest',
        },
        [
            'model.backbone.split_size[0]: ',
            'model.backbone.split_size[1]: ',
            'model.backbone.arch.dims: ',
            'model.backbone.act_cfg.type: ',
            'model.backbone.with_cp: ',
            'model.data_preprocessor.mean[2]: ',
            "model.head.triplet_weight: expected a number, got 'high'",
            'train_dataloader.sampler.num_instances: ',
            'train_dataloader.num_workers: ',
            'custom_hooks[0].begin: ',
            'default_hooks.logger.interval: ',
            'default_hooks.checkpoints: ',
            'optim_wrapper.accumulative_counts: ',
            'optim_wrapper.optimizer.lr: ',
            'optim_wrapper.optimizer.momentum: ',
            'param_scheduler[0].start_factor: ',
            'train_cfg.max_epochs: ',
            'train_cfg.val_interval: ',
            'randomness.seed: ',
            "sync_bn: expected 'torch'",
            'compile: ',
        ],
    ),
    'rate that the optimizer refuses': (
        {'optim_wrapper.optimizer.lr': -1},
        ['optim_wrapper cannot be built', '-1'],
    ),
    'drop path of all': (
        {'model.backbone.drop_path_rate': 1},
        ['model.backbone.drop_path_rate', 'less than 1', 'got 1'],
    ),
    'another type over inherited options': (
        {'model.neck.type': 'GlobalPoolingNeck'},
        ['model.neck.num_parts: GlobalPoolingNeck', '_delete_=True'],
    ),
    'unknown scope': (
        {'model.backbone.type': 'nosuch.ResNet'},
        ["'nosuch.ResNet'", "the scope 'nosuch' is unknown"],
    ),
    'leaving out of nothing': (
        {'load_except': 'head.classifiers'},
        ['load_except', 'load_from'],
    ),
    'option below a value': ({'work_dir.x.y': 1, 'log_level.x': 2}, ['log_level']),
    'element of a list that is not there': (
        {'custom_hooks.7.begin': 1},
        ['custom_hooks.7.begin'],
    ),
}


@pytest.mark.parametrize(('changes', 'expected'), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_wrong_option(changes, expected, bench):
    changes = {
        key: value.format(trained=bench.trained) if isinstance(value, str) else value
        for key, value in changes.items()
    }
    outcome = run(*bench.train(changes))
    check(outcome, bench, *(text.format(trained=bench.trained) for text in expected))
    # Nor any other trace of a start that was refused.
    assert not bench.work_dir.exists()


def test_mixed_precision_without_a_gpu(bench, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    check(run(*bench.train(None, '--amp')), bench, '--amp', 'CUDA')


def test_rerank_of_self_retrieval(bench):
    config = leaf('msvit-s_cub200')
    outcome = run(*bench.test(bench.trained / 'averaged.pth', None, '--rerank', config=config))
    check(outcome, bench, '--rerank', 'ReIDMetric')


def test_out_that_is_not_json(bench):
    outcome = run(
        *bench.test(bench.trained / 'averaged.pth', None, '--out', bench.files / 'figures.txt')
    )
    check(outcome, bench, '--out', 'figures.txt', '.json')
    assert not (bench.files / 'figures.txt').exists()


@pytest.mark.parametrize('pair', ['data_root', '=3'])
def test_option_without_a_value(pair, bench):
    check(run('train.py', MARKET, '--cfg-options', pair), bench, '--cfg-options', repr(pair))
