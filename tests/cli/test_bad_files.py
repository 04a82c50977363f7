"""Configs, data and checkpoints that cannot be used end in one sentence, nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.test_import import OF_TORCH
from tests.tools.user import REPOSITORY, SMALL, Outcome, run

from .bench import MARKET, TREE, Bench, check


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
def test_unusable_config(text, expected, bench):
    config = bench.files / 'mine.py'
    if text is not None:
        config.write_text(text)
    check(run(*bench.train(config=config)), bench, config, expected)


def test_missing_config_of_a_test(bench):
    config = bench.files / 'mine.py'
    outcome = run(*bench.test(bench.trained / 'averaged.pth', config=config))
    check(outcome, bench, config, 'does not exist')


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


@pytest.mark.parametrize(
    ('workers', 'damage'), [(0, truncate), (0, empty), (0, replace_by_text), (1, truncate)]
)
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


# One function reads all files: every damage in one place, and code and no file in the others.
UNUSABLE = [('test', damage) for damage in DAMAGES]
UNUSABLE += [(place, damage) for place in PLACES for damage in (code, missing)][2:]


@pytest.mark.parametrize(('place', 'damage'), UNUSABLE)
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


@pytest.mark.parametrize(
    ('place', 'change'),
    [('test', lose), ('test', add), ('test', reshape), ('resume', lose), ('load_from', add)],
)
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
    return Outcome(done.returncode, done.stdout, OF_TORCH.sub('', done.stderr))
