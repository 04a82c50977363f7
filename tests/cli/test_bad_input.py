"""Whatever a user can correct ends in one sentence, exit code 2, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.miniature import TreeShape, write_market1501
from tests.tools.user import REPOSITORY, SMALL, Outcome, leaf, options, run

MARKET = leaf('msvit-s_market1501')
TREE = 'Market-1501-v15.09.15'


class Bench(NamedTuple):
    """Where one case happens."""

    data_root: Path  # a tree of its own, to be damaged
    trained: Path  # work directory of an earlier run, to be left alone
    files: Path  # for the case's own files

    @property
    def work_dir(self) -> Path:
        return self.files / 'work'

    @property
    def result(self) -> Path:
        return self.files / 'result.json'

    def train(self, changes: dict | None = None, *flags: object, config: object = MARKET):
        small = {**SMALL, 'data_root': self.data_root, 'train_cfg.max_epochs': 2}
        given = options(small, changes or {})
        return ['train.py', config, '--work-dir', self.work_dir, *flags, *given]

    def test(
        self, checkpoint: object, changes: dict | None = None, *flags: object, config=MARKET
    ):
        given = options({**SMALL, 'data_root': self.data_root}, changes or {})
        output = ['--work-dir', self.work_dir, '--out', self.result]
        return ['test.py', config, checkpoint, *output, *flags, *given]

    @property
    def train_image(self) -> Path:
        """One of an identity that has three."""
        return sorted((self.data_root / TREE / 'bounding_box_train').glob('0008_*'))[0]

    @property
    def test_image(self) -> Path:
        return sorted((self.data_root / TREE / 'bounding_box_test').glob('0003_*'))[0]


@pytest.fixture
def bench(tmp_path, trained):
    """A case's own miniature tree and folder, beside an earlier run's work directory."""
    files = tmp_path / 'files'
    files.mkdir()
    shape = TreeShape(train_identities=4, test_identities=2, images=3)
    write_market1501(tmp_path / 'data', shape)
    return Bench(tmp_path / 'data', trained, files)


def check(outcome: Outcome, bench: Bench, *expected: object) -> str:
    """One error line, the last one, with ``expected`` in it; no results."""
    lines = outcome.err.splitlines()
    errors = [line for line in lines if 'error' in line.lower() or 'Traceback' in line]
    assert outcome.code == 2, outcome
    assert errors == lines[-1:], outcome.err
    for text in map(str, expected):
        assert text in lines[-1]
    written = [path for path in bench.files.rglob('*') if path.name.startswith('.')]
    if bench.work_dir.exists():
        written += bench.work_dir.rglob('*.pth')
    assert written == []
    assert not bench.result.exists()
    return lines[-1]


# --- options ------------------------------------------------------------------------------

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
    'unknown dataset': (
        {'train_dataloader.dataset.type': 'Markt1501'},
        ["'Markt1501'", "did you mean 'Market1501'"],
    ),
    'unknown transform': (
        {'train_dataloader.dataset.pipeline.0.type': 'LoadImages'},
        ["'LoadImages'", "'LoadImage'"],
    ),
    'unknown sampler': (
        {'train_dataloader.sampler.type': 'IdentitySamplr'},
        ["'IdentitySamplr'", "'IdentitySampler'"],
    ),
    'unknown backbone': ({'model.backbone.type': 'MSVit2'}, ["'MSVit2'", "'MSViT'"]),
    'unknown neck': (
        {'model.neck.type': 'PartPolingNeck'},
        ["'PartPolingNeck'", "'PartPoolingNeck'"],
    ),
    'unknown loss': (
        {'model.head.loss_triplet.type': 'TripletLoss'},
        ["'TripletLoss'", "'BatchHardTripletLoss'"],
    ),
    'unknown hook': (
        {'custom_hooks.0.type': 'WeightAveragingHook'},
        ["'WeightAveragingHook'", "'WeightAverageHook'"],
    ),
    'unknown optimizer': ({'optim_wrapper.optimizer.type': 'SDG'}, ["'SDG'", "'SGD'"]),
    'unknown scheduler': (
        {'param_scheduler.0.type': 'LinearRL'},
        ["'LinearRL'", "'LinearLR'"],
    ),
    'unknown metric': (
        {'val_evaluator.type': 'ReIDMetrics'},
        ["'ReIDMetrics'", "'ReIDMetric'"],
    ),
    'unknown arch': ({'model.backbone.arch': 'xl'}, ["'xl'", "['l', 's']"]),
    'unknown option of the neck': (
        {'model.neck.num_partz': 3},
        ['model.neck.num_partz', "'num_parts'"],
    ),
    'unknown option of the dataset': (
        {'train_dataloader.dataset.splitt': 'train'},
        ['train_dataloader.dataset.splitt', "'split'"],
    ),
    'unknown option of the optimizer': (
        {'optim_wrapper.optimizer.momentun': 0.9},
        ['optim_wrapper.optimizer.momentun', "'momentum'"],
    ),
    'unknown option of the hook': (
        {'custom_hooks.0.start': 3},
        ['WeightAverageHook', 'custom_hooks[0].start'],
    ),
    'unknown option of the metric': ({'val_evaluator.top': 3}, ['val_evaluator.top', "'topk'"]),
    'unknown option of the loop': (
        {'train_cfg.epochs': 3},
        ['train_cfg.epochs', "did you mean 'max_epochs'"],
    ),
    'unknown option of the loader': (
        {'train_dataloader.batchsize': 3},
        ['train_dataloader.batchsize', "'batch_size'"],
    ),
    'value that the dataset does not know': (
        {'train_dataloader.dataset.split': 'training'},
        ["split='training'", "'train'"],
    ),
    'more vectors than the head has': (
        {'model.neck.num_parts': 3, 'model.head.num_vectors': 5},
        ['6 vectors', 'num_vectors=5'],
    ),
    'wrong values in several sections': (
        {
            'model.backbone.split_size': ['a', 'b'],
            'model.backbone.arch.dims': 3,
            'model.data_preprocessor.mean': ['a', 'b', 'c'],
            'train_dataloader.sampler.num_instances': 'abc',
            'custom_hooks.0.begin': 'abc',
            'default_hooks.logger.interval': 'abc',
            'default_hooks.checkpoints': {'interval': 2},
            'train_dataloader.batchsize': 12,
            'optim_wrapper.optimizer.lr': 'fast',
        },
        [
            '12 problems',
            'model.backbone.split_size[0]: ',
            'model.backbone.split_size[1]: ',
            'model.backbone.arch.dims: ',
            'model.data_preprocessor.mean[2]: ',
            'train_dataloader.sampler.num_instances: ',
            'custom_hooks[0].begin: ',
            'default_hooks.logger.interval: ',
            'default_hooks.checkpoints: ',
            'train_dataloader.batchsize: ',
            'optim_wrapper.optimizer.lr: ',
        ],
    ),
    'rate that the optimizer refuses': (
        {'optim_wrapper.optimizer.lr': -1},
        ['optim_wrapper cannot be built', '-1'],
    ),
    'SyncBN by True': ({'sync_bn': True}, ["sync_bn: expected 'torch'", 'True']),
    'unknown mode of compile': ({'compile.mode': 'fastest'}, ['compile:', 'fastest']),
    'unknown activation': (
        {'model.backbone.act_cfg.type': 'Gelu'},
        ["unknown model 'Gelu'", "did you mean 'GELU'"],
    ),
    'drop path of all': (
        {'model.backbone.drop_path_rate': 1},
        ['drop_path_rate', '[0, 1)', '1'],
    ),
    'text in place of a number': (
        {'model.head.triplet_weight': 'high'},
        ['model.head.triplet_weight: expected a number', "'high'"],
    ),
    'text in place of a bool': ({'model.backbone.with_cp': 'yes'}, ['with_cp', "'yes'"]),
    'no epochs': ({'train_cfg.max_epochs': 0}, ['train_cfg.max_epochs', 'at least 1', '0']),
    'validation never': (
        {'train_cfg.val_interval': 0},
        ['train_cfg.val_interval', 'at least 1, got 0', 'val_cfg=None'],
    ),
    'text in place of a seed': ({'randomness.seed': 'abc'}, ['randomness.seed', "'abc'"]),
    'fewer than no workers': (
        {'train_dataloader.num_workers': -1},
        ['train_dataloader.num_workers', 'at least 0, got -1'],
    ),
    'text in place of a rate': (
        {'optim_wrapper.optimizer.lr': 'abc'},
        ['optim_wrapper.optimizer.lr: expected a number', "'abc'"],
    ),
    'decimal comma': (
        {'optim_wrapper.optimizer.momentum': '9,0'},
        ['optim_wrapper.optimizer.momentum: expected a number', '[9, 0]'],
    ),
    'text in place of a length': (
        {'param_scheduler.0.start_factor': 'abc'},
        ['param_scheduler[0].start_factor: expected a number', "'abc'"],
    ),
    'unknown part of the model': (
        {'model.bakbone.arch': 'l'},
        ['model.bakbone', "did you mean 'backbone'"],
    ),
    'another type over inherited options': (
        {'model.neck.type': 'GlobalPoolingNeck'},
        ['model.neck.num_parts: GlobalPoolingNeck', '_delete_=True'],
    ),
    'unknown scope': (
        {'model.backbone.type': 'nosuch.ResNet'},
        ["'nosuch.ResNet'", "the scope 'nosuch' is unknown"],
    ),
    'no batches to a step': (
        {'optim_wrapper.accumulative_counts': 0},
        ['optim_wrapper.accumulative_counts', 'at least 1', '0'],
    ),
    'unknown option of the process group': (
        {'env_cfg.dist_cfg.timeuot': 60},
        ['env_cfg.dist_cfg.timeuot', "did you mean 'timeout'"],
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


# --- configs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (None, 'does not exist'),
        ("model = dict(type='ReIDModel'\n", 'cannot be read'),
        ('model = dict(type=ReIDModel)\n', 'cannot be read'),
        ("_base_ = 'missing.py'\n", 'missing.py'),
    ],
    ids=['missing', 'syntax error', 'undefined name', 'missing base'],
)
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_unusable_config(tool, text, expected, bench):
    config = bench.files / 'mine.py'
    if text is not None:
        config.write_text(text)
    given = [bench.trained / 'averaged.pth'] if tool == 'test' else []
    outcome = run(*getattr(bench, tool)(*given, config=config))
    check(outcome, bench, config, expected)


def test_missing_package_of_ones_own(bench):
    config = bench.files / 'mine.py'
    config.write_text(f"_base_ = {MARKET!r}\ncustom_imports = dict(imports=['my_reid.zoo'])\n")
    reason = "cannot import 'my_reid.zoo' (No module named 'my_reid')"
    check(run(*bench.train(config=config)), bench, config, reason, 'PYTHONPATH')


def test_missing_timm(bench, monkeypatch):
    pytest.importorskip('mmpretrain')
    monkeypatch.setitem(sys.modules, 'timm', None)
    backbone = {
        '_delete_': True,
        'type': 'mmpretrain.TIMMBackbone',
        'model_name': 'resnet18',
    }
    changes = {'model.backbone.arch': None, 'model.backbone': backbone}
    outcome = run(*bench.train(changes))
    check(outcome, bench, 'mmpretrain.TIMMBackbone', "pip install 'msvitreid[timm]'")


# --- datasets -----------------------------------------------------------------------------


def truncate(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:300])
    return 'not an image'


def empty(path: Path) -> str:
    path.write_bytes(b'')
    return 'empty'


def replace_by_text(path: Path) -> str:
    path.write_text('<html>404 Not Found</html>')
    return 'not an image'


# Three of an identity are drawn, so that none of the three is passed over.
ALL_IMAGES = {'train_dataloader.batch_size': 6, 'train_dataloader.sampler.num_instances': 3}


@pytest.mark.parametrize('damage', [truncate, empty, replace_by_text])
@pytest.mark.parametrize('workers', [0, 1])
def test_unreadable_training_image(workers, damage, bench):
    expected = damage(bench.train_image)
    outcome = run(*bench.train({**ALL_IMAGES, 'train_dataloader.num_workers': workers}))
    check(outcome, bench, bench.train_image, expected)


@pytest.mark.parametrize('workers', [0, 1])
def test_unreadable_test_image(workers, bench):
    empty(bench.test_image)
    checkpoint = bench.trained / 'averaged.pth'
    outcome = run(*bench.test(checkpoint, {'test_dataloader.num_workers': workers}))
    check(outcome, bench, bench.test_image, 'empty')


def test_name_without_pid_or_camera(bench):
    path = bench.train_image.rename(bench.train_image.with_name('IMG_0815.jpg'))
    check(run(*bench.train()), bench, path, '<pid>_c<camera>')


def test_empty_split(bench):
    folder = bench.data_root / TREE / 'query'
    for path in folder.glob('0*.jpg'):
        if path.is_file():
            path.unlink()
    expected = ["split 'query' is empty", bench.data_root / TREE]
    check(run(*bench.train()), bench, *expected)
    check(run(*bench.test(bench.trained / 'averaged.pth')), bench, *expected)


def test_missing_folder(bench):
    shutil.rmtree(bench.data_root / TREE / 'query')
    check(run(*bench.train()), bench, bench.data_root / TREE / 'query', 'missing')


# --- checkpoints --------------------------------------------------------------------------


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def code(path: Path) -> str:
    torch.save({'state_dict': {'weight': torch.zeros(3)}, 'x': Trap(marker(path))}, path)
    return 'pickled code (posix.mkdir)'


def code_in_old_format(path: Path) -> str:
    content = {'state_dict': {'weight': torch.zeros(3)}, 'x': Trap(marker(path))}
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return 'pickled code (posix.mkdir)'


def text(path: Path) -> str:
    path.write_text('version https://git-lfs.github.com/spec/v1\n')
    return 'not a PyTorch file'


def cut_short(path: Path) -> str:
    torch.save({'state_dict': {'weight': torch.zeros(3000)}}, path)
    path.write_bytes(path.read_bytes()[:5000])
    return 'truncated'


def bit_flipped(path: Path) -> str:
    """Damage that leaves a readable file: it passed all but the automatic resume."""
    torch.save({'state_dict': {'weight': torch.zeros(3000)}}, path)
    content = bytearray(path.read_bytes())
    content[content.index(bytes(3000)) + 1000] ^= 1
    path.write_bytes(content)
    return 'is damaged: the check sum of its record'


def nothing(path: Path) -> str:
    path.write_bytes(b'')
    return 'truncated'


def missing(path: Path) -> str:
    return 'does not exist'


def stranger(path: Path) -> str:
    torch.save({'conv1.weight': torch.zeros(3)}, path)
    return 'conv1.weight'


def no_weights(path: Path) -> str:
    torch.save({'meta': {'epoch': 3}}, path)
    return 'no weights'


def list_of_tensors(path: Path) -> str:
    torch.save([torch.zeros(3)], path)
    return 'holds a list'


def marker(path: Path) -> Path:
    return path.with_name('marker')


DAMAGES = [code, code_in_old_format, text, cut_short, nothing, missing, stranger, no_weights]
DAMAGES += [list_of_tensors, bit_flipped]
PLACES: dict[str, Callable[[Bench, Path], list]] = {
    'test': lambda bench, path: bench.test(path),
    'resume': lambda bench, path: bench.train(None, '--resume', path, '--accept-changes'),
    'load_from': lambda bench, path: bench.train({'load_from': path}),
    'pretrained': lambda bench, path: bench.train({'model.pretrained': path}),
    'convert': lambda bench, path: [
        'model_converters/official_weights.py',
        path,
        bench.work_dir / 'converted.pth',
    ],
}


@pytest.mark.parametrize('damage', DAMAGES)
@pytest.mark.parametrize('place', PLACES)
def test_unusable_checkpoint(place, damage, bench):
    path = bench.files / 'given' / 'weights.pth'
    path.parent.mkdir()
    expected = damage(path)
    if place == 'pretrained' and damage is missing:
        expected = 'do not exist'
    check(run(*PLACES[place](bench, path)), bench, path, expected)
    assert not marker(path).exists()


@pytest.mark.parametrize('write', [code, code_in_old_format])
def test_the_trap_would_snap(write, tmp_path):
    write(tmp_path / 'weights.pth')
    torch.load(tmp_path / 'weights.pth', weights_only=False)
    assert marker(tmp_path / 'weights.pth').exists()


def lose(weights: dict) -> str:
    del weights['head.linears.3.weight']
    return '1 key is missing (head.linears.3.weight)'


def add(weights: dict) -> str:
    weights['head.linears.9.weight'] = torch.zeros(3)
    return '1 key is unexpected (head.linears.9.weight)'


def reshape(weights: dict) -> str:
    weights['head.linears.3.weight'] = torch.zeros(3, 5)
    return 'of another shape (head.linears.3.weight (3, 5) instead of (512, 512))'


@pytest.mark.parametrize('change', [lose, add, reshape])
@pytest.mark.parametrize('place', ['test', 'resume', 'load_from'])
def test_checkpoint_of_another_net(place, change, bench):
    checkpoint = torch.load(bench.trained / 'epoch_1.pth', weights_only=True)
    expected = change(checkpoint['state_dict'])
    path = bench.files / 'given.bin'
    torch.save(checkpoint, path)
    check(run(*PLACES[place](bench, path)), bench, path, 'does not fit the model', expected)


def test_folder_in_place_of_a_checkpoint(bench):
    outcome = run(*bench.test(bench.trained))
    check(outcome, bench, bench.trained, 'is a folder', 'averaged.pth')


def test_checkpoint_of_another_arch(bench):
    wider = {**SMALL['model.backbone.arch'], 'dims': (16, 16, 16, 16)}
    path = bench.trained / 'averaged.pth'
    outcome = run(*bench.test(path, {'model.backbone.arch': wider}))
    check(outcome, bench, path, 'does not fit the model', 'of another shape')


def test_averaged_net_is_not_resumed(bench):
    path = bench.trained / 'averaged.pth'
    outcome = run(*bench.train(None, '--resume', path))
    check(outcome, bench, path, 'weights only', 'model.pretrained')


def test_average_of_another_net_is_not_resumed(bench):
    checkpoint = torch.load(bench.trained / 'epoch_1.pth', weights_only=True)
    del checkpoint['weight_average']['average']['head.linears.3.weight']
    torch.save(checkpoint, bench.files / 'given.bin')
    outcome = run(*bench.train(None, '--resume', bench.files / 'given.bin', '--accept-changes'))
    check(outcome, bench, 'weight average belongs to another model')


# --- flags --------------------------------------------------------------------------------


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


# --- a real shell -------------------------------------------------------------------------


def test_the_sentence_reaches_a_real_terminal(bench):
    replace_by_text(bench.train_image)
    given = bench.train({**ALL_IMAGES, 'train_dataloader.num_workers': 1})
    outcome = in_a_shell(*given)
    check(outcome, bench, bench.train_image, 'not an image')
    assert outcome.err.count('\n') == 1


def test_a_trap_is_refused_in_a_real_terminal(bench):
    path = bench.files / 'weights.bin'
    code(path)
    check(in_a_shell(*PLACES['test'](bench, path)), bench, path, 'pickled code')
    assert not marker(path).exists()


def in_a_shell(script: str, *arguments: object) -> Outcome:
    command = [sys.executable, REPOSITORY / 'tools' / script, *arguments]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, cwd=REPOSITORY
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
