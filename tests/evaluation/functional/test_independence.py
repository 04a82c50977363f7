"""The functions need torch and NumPy only, and know nothing of what calls them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from msvitreid.evaluation import functional
from tests.test_import import modules_after

FILES = sorted(Path(functional.__file__).parent.glob('*.py'))


def imported(path: Path) -> set[str]:
    """First parts of the modules that a file imports; relative ones with their dots."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            first = (node.module or '').partition('.')[0]
            names.add('.' * node.level or first)
    return names


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_functions_know_nothing_of_what_calls_them(path):
    known = {'numpy', 'torch', 'scipy', 'sklearn', '.'}
    standard = {'__future__', 'collections', 'concurrent', 'contextlib', 'functools'}
    standard |= {'numbers', 'threading', 'typing'}
    assert imported(path) <= known | standard


def test_importing_them_imports_no_mmengine():
    (loaded,) = modules_after('import msvitreid.evaluation.functional')
    heavy = {'mmengine', 'mmcv', 'scipy', 'sklearn', 'torchvision', 'PIL', 'matplotlib', 'cv2'}
    assert not heavy & loaded
    ours = {name for name in loaded if name.startswith('msvitreid')}
    assert all('functional' in name for name in ours - {'msvitreid', 'msvitreid.version',
                                                       'msvitreid.evaluation'})  # fmt: skip


def test_the_metrics_are_imported_when_asked_for():
    (loaded,) = modules_after('import msvitreid.evaluation as e; e.ReIDMetric')
    assert 'msvitreid.evaluation.metrics' in loaded
    with pytest.raises(AttributeError, match='Recall'):
        _ = __import__('msvitreid.evaluation').evaluation.Recall
