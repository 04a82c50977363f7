"""Private names of mmengine: a new version without one of them is noticed here."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest
from mmengine.utils import get_object_from_string

import msvitreid
from msvitreid.utils.mmengine_private import PRIVATE, VERSIONS

ROOT = Path(__file__).parents[2]
LISTED = {name for names in PRIVATE.values() for name in names}
#: Of Python's and NumPy's objects.
OTHERS = {'_asdict', '_exit', '_replace'}
#: Of torch's; tests of the layers that use them run them.
OTHERS |= {'_are_functorch_transforms_active', '_C', '_convolution_pointwise', '_current_level'}
OTHERS |= {'_softmax_backward_data'}
EXTRAS = {'openvino'}
PRIVATE_NAME = re.compile(r'(?:self\.|def )(_[a-z]\w*)')


def is_private(name: str) -> bool:
    return re.fullmatch(r'_[A-Za-z]\w*', name) is not None


@pytest.mark.parametrize(
    ('owner', 'name'), [(owner, name) for owner, names in PRIVATE.items() for name in names]
)
def test_each_exists(owner, name):
    try:
        found = import_module(owner)
    except ImportError:
        found = get_object_from_string(owner)
    # What a constructor sets is no attribute of the class.
    assert hasattr(found, name) or f'self.{name} ' in re.sub(
        ': [A-Z]', ' ', inspect.getsource(found)
    )


def test_each_is_used():
    package = Path(msvitreid.__file__).parent
    files = [path for path in package.rglob('*.py') if path.name != 'mmengine_private.py']
    text = ' '.join(path.read_text(encoding='utf-8') for path in files)
    assert [name for name in LISTED if not re.search(rf'\b{name}\b', text)] == []


def test_the_versions_are_those_of_the_package():
    assert f"'mmengine{VERSIONS}'" in (ROOT / 'setup.py').read_text()


def test_no_other_name_is_used_from_outside():
    defined, used = set(OTHERS), {}
    for path in Path(msvitreid.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
            elif isinstance(node, ast.Attribute) and is_private(node.attr):
                own = isinstance(node.value, ast.Name) and node.value.id == 'self'
                if own and isinstance(node.ctx, ast.Store):
                    defined.add(node.attr)
                else:
                    used[node.attr] = f'{path}:{node.lineno}'
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith('mmengine'):
                used.update({a.name: path for a in node.names if is_private(a.name)})
    assert {name: at for name, at in used.items() if name not in defined | LISTED} == {}


def test_no_other_name_of_a_base_is_used_or_overridden():
    unlisted = {}
    for info in pkgutil.walk_packages(msvitreid.__path__, 'msvitreid.'):
        try:
            module = import_module(info.name)
        except ModuleNotFoundError as error:
            # Of an extra that is not installed.
            if error.name not in EXTRAS:
                raise
            continue
        for cls in vars(module).values():
            if not inspect.isclass(cls) or cls.__module__ != info.name:
                continue
            bases = [base for base in cls.__mro__ if base.__module__.startswith('mmengine.')]
            theirs = set(PRIVATE_NAME.findall(''.join(map(inspect.getsource, bases))))
            ours = set(PRIVATE_NAME.findall(inspect.getsource(cls)))
            unlisted.update(dict.fromkeys(ours & theirs - LISTED, cls))
    assert unlisted == {}
