"""The benchmark tool as a user calls it, in small."""

from __future__ import annotations

import csv
import importlib
import sys

import pytest
import torch

from msvitreid.models import MSViT
from tests.tools.user import REPOSITORY, run

TOOL = 'analysis_tools/benchmark.py'
SUBJECTS = {'forward', 'train-step', 'ranking', 'rerank', 'pipeline', 'startup', 'scaling'}
SUBJECTS |= {'profile', 'gpu'}
TRAINED = {'plain', 'module', 'module, with_cp'}


@pytest.fixture(autouse=True)
def as_a_script(monkeypatch):
    """``python FILE`` puts the file's folder on the path, ``runpy`` doesn't."""
    monkeypatch.syspath_prepend(str(REPOSITORY / 'tools' / 'analysis_tools'))


@pytest.fixture
def narrow_nets(monkeypatch):
    """The tool's nets have all kinds of blocks, but few and small ones."""
    arch = {'dims': (8, 8, 8, 8), 'blocks': (1, 2, 2, 1), 'heads': (1, 2, 2)}
    monkeypatch.setitem(MSViT.arch_zoo, 's', arch)
    bandwidth = importlib.import_module('benchmarks.bandwidth')
    monkeypatch.setattr(bandwidth, 'COPIED_BYTES', 1 << 20)


def read(path):
    with path.open(encoding='utf-8', newline='') as file:
        return {(row['case'], row['variant']): row for row in csv.DictReader(file)}


def test_help_names_all_subjects():
    outcome = run(TOOL, '--help')
    assert outcome.code == 0
    words = outcome.out.replace(',', ' ').split()
    assert set(words) >= SUBJECTS


def test_what_one_subject_needs_the_others_do_without(monkeypatch):
    """The class: an import of one subject that ends the command for all, as on a bare machine."""
    importlib.import_module('benchmarks')
    monkeypatch.delitem(sys.modules, 'benchmarks.serving', False)
    monkeypatch.setitem(sys.modules, 'uvicorn', None)
    outcome = run(TOOL, '--help')
    assert outcome.code == 0
    assert 'Not importable here: serving' in ' '.join(outcome.out.split())
    assert 'train-step' in outcome.out


def test_forward(tmp_path):
    out = tmp_path / 'forward.csv'
    smallest = ('--archs', 's', '--batch-sizes', 1, '--rounds', 1)
    outcome = run(TOOL, 'forward', *smallest, '--out', out)
    assert outcome.code == 0, outcome.err
    rows = read(out)
    case = 'msvit_s 384x128, batch 1'
    assert set(rows) == {(case, variant) for variant in ('plain', 'module', 'fused')}
    for row in rows.values():
        assert float(row['memory_mib']) > 0
        assert row['note'].endswith(' images/s')
        # The bytes of these layers take some milliseconds, the net a hundred.
        assert 1 < float(row['times_limit']) < 100


def test_forward_in_mixed_precision(tmp_path, narrow_nets, monkeypatch):
    dtypes = []
    features = importlib.import_module('tests.plain.net').features
    monkeypatch.setattr(
        'tests.plain.net.features',
        lambda *args: dtypes.append(features(*args)[0].dtype),
    )
    out = tmp_path / 'forward.csv'
    smallest = ('--archs', 's', '--batch-sizes', 1, '--rounds', 1)
    for flags in ((), ('--amp',)):
        outcome = run(TOOL, 'forward', *smallest, *flags, '--out', out)
        assert outcome.code == 0, outcome.err
    assert set(dtypes) == {torch.float32, torch.bfloat16}
    # Neither takes the other's place.
    assert {case for case, _ in read(out)} == {
        'msvit_s 384x128, batch 1',
        'msvit_s 384x128, batch 1, amp bfloat16',
    }


@pytest.mark.parametrize(('flags', 'end'), [((), ''), (('--amp',), ', amp bfloat16')])
def test_train_step(tmp_path, narrow_nets, flags, end):
    out = tmp_path / 'train-step.csv'
    smallest = ('--batch-size', 8, '--rounds', 1)
    outcome = run(TOOL, 'train-step', *smallest, *flags, '--out', out)
    assert outcome.code == 0, outcome.err
    rows = read(out)
    assert set(rows) == {(f'msvit_s 384x128, batch 8{end}', name) for name in TRAINED}
    assert all(float(row['memory_mib']) > 0 for row in rows.values())


def test_profile(tmp_path, narrow_nets):
    out = tmp_path / 'profile.csv'
    outcome = run(TOOL, 'profile', '--batch-size', 1, '--rounds', 2, '--out', out)
    assert outcome.code == 0, outcome.err
    rows = read(out)
    assert len(rows) == 2 * 7
    assert {row['rounds'] for row in rows.values()} == {'2'}
    assert float(rows['msvit_s, batch 1, convolution', 'fused']['median_s']) > 0
    assert out.with_suffix('.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize(
    ('subject', 'size', 'variants'),
    [
        (
            'forward',
            ('--archs', 's', '--batch-sizes', 8),
            {'plain', 'module', 'fused', 'fused, triton'},
        ),
        ('train-step', ('--batch-size', 8), TRAINED | {'module, triton'}),
    ],
)
def test_nets_on_the_gpu(tmp_path, subject, size, variants):
    out = tmp_path / 'gpu.csv'
    flags = ('--device', 'cuda', '--amp', '--rounds', 2)
    outcome = run(TOOL, subject, *size, *flags, '--out', out)
    assert outcome.code == 0, outcome.err
    rows = read(out)
    case = 'msvit_s 384x128, batch 8, amp float16'
    assert set(rows) == {(case, variant) for variant in variants}
    for row in rows.values():
        assert row['gpu'] == torch.cuda.get_device_name()
        assert float(row['memory_mib']) > 0
        assert subject == 'train-step' or float(row['times_limit']) > 0


def test_a_gpu_that_is_not_used_is_not_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda *_: 'a GPU')
    out = tmp_path / 'rerank.csv'
    outcome = run(TOOL, 'rerank', '--images', 30, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    assert {row['gpu'] for row in read(out).values()} == {''}
    assert 'a GPU' not in outcome.out


def test_ranking(tmp_path):
    out = tmp_path / 'ranking.csv'
    small = ('--sizes', 'small', '--streamed', 3000, '--folder', tmp_path)
    outcome = run(TOOL, 'ranking', *small, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    assert 'threads 1' in outcome.out.splitlines()[0]
    rows = read(out)
    whole = '400 x 2,000 x 2,560'
    assert {key for key in rows if key[0] == whole} == {
        (whole, variant) for variant in ('product', 'msvitreid', 'plain')
    }
    ours = rows[f'{whole}, similarities given', 'msvitreid']
    assert float(ours['speedup']) > 1
    assert float(ours['note'].removeprefix('differs by ')) < 1e-6
    assert float(rows[whole, 'msvitreid']['times_limit']) > 0
    assert rows['3,368 x 3,000 x 2,560, gallery in a file', 'msvitreid']['memory_mib']
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize('no_plain', [False, True])
def test_rerank(tmp_path, no_plain):
    out = tmp_path / 'rerank.csv'
    flags = ['--no-plain'] if no_plain else []
    outcome = run(TOOL, 'rerank', '--images', 600, *flags, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    variants = {variant: row for (_, variant), row in read(out).items()}
    if no_plain:
        assert set(variants) == {'necessary products', 'msvitreid, in blocks'}
    else:
        assert set(variants) == {'necessary products', 'msvitreid', 'plain'}
        assert float(variants['msvitreid']['note'].removeprefix('differs by ')) < 1e-5


def test_necessary_products_are_a_triangle_and_queries_with_the_gallery(monkeypatch):
    module = importlib.import_module('benchmarks.rerank')
    monkeypatch.setattr(module, 'BLOCK', 4)
    monkeypatch.setattr(module, 'ROWS', 2)
    shapes = []

    class Noting(torch.Tensor):
        """Notes the shapes of its products."""

        def __matmul__(self, other):
            product = super().__matmul__(other)
            shapes.append(tuple(product.shape))
            return product

    module.necessary_products(torch.zeros(10, 5).as_subclass(Noting), 3)
    triangle = [(4, 4), (4, 4), (4, 2), (4, 4), (4, 2), (2, 2)]
    assert shapes == [*triangle, (2, 7), (1, 7)]


def test_scaling_draws_a_picture(tmp_path):
    sizes = ('--galleries', 50, 100, '--reranked', 60, 120, '--batches', 1)
    sizes += ('--heights', 192, '--splits', 4)
    out = tmp_path / 'new' / 'scaling.csv'
    outcome = run(TOOL, 'scaling', *sizes, '--rounds', 1, '--out', out)
    assert outcome.code == 0, outcome.err
    assert len(read(out)) == 7
    assert out.with_suffix('.png').read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        ('ranking --rounds 0', '--rounds is 0, give at least 1'),
        ('ranking --out table.txt', "--out 'table.txt' must end with .csv"),
        ('ranking --streamed 0', '--streamed is 0, give at least 1'),
        ('rerank --images 600 2', '--images is 2, give at least 3'),
        ('forward --batch-sizes 1 0', '--batch-sizes is 0, give at least 1'),
        ('forward --batch-sizes -1', '--batch-sizes is -1, give at least 1'),
        ('forward --device tpu', "--device is 'tpu', give cpu, cuda or cuda:N"),
        (
            'forward --device cuda:99',
            "--device is 'cuda:99', and torch sees 0 CUDA devices; give another one, or cpu",
        ),
        (
            'forward --openvino --amp',
            '--openvino is measured on the CPU, leave out --device and --amp',
        ),
        ('train-step --batch-size 3', '--batch-size is 3, give a multiple of 4, at least 8'),
        ('train-step --batch-size 4', '--batch-size is 4, give a multiple of 4, at least 8'),
        ('profile --batch-size 0', '--batch-size is 0, give at least 1'),
        ('pipeline --images 0', '--images is 0, give at least 1'),
        ('scaling --reranked 3', '--reranked is 3, give at least 6'),
        ('scaling --galleries 0', '--galleries is 0, give at least 1'),
        ('scaling --batches 0', '--batches is 0, give at least 1'),
        ('scaling --heights 128', '--heights is 128, give a multiple of 192, at least 192'),
    ],
)
def test_bad_options_are_one_sentence(command, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    outcome = run(TOOL, *command.split())
    assert (outcome.code, outcome.err.strip()) == (2, f'error: {message}')
