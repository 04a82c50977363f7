"""TorchScript: a traced graph that C++ programs with torch compute."""

from __future__ import annotations

import ast
import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable

from .contents import TEXTS
from .digest import Parts, sealed_archive, written_archive
from .exported_net import Run
from .formats import ExportFormat, content, example
from .whole_net import WholeNet

#: What code of a file may call of torch: arithmetic on tensors. Other functions of TorchScript
#: read and write files, as ``torch.from_file`` and ``torch.save`` do.
# fmt: off
ARITHMETIC = frozenset({
    '__and__', '__or__', '_convolution', 'abs', 'adaptive_avg_pool2d',
    'adaptive_max_pool2d', 'add', 'add_', 'amax', 'amin', 'avg_pool2d', 'batch_norm',
    'bitwise_and', 'bitwise_not', 'bitwise_or', 'bmm', 'cat', 'chunk', 'clamp', 'clamp_min',
    'clone', 'contiguous', 'conv2d', 'cumsum', 'detach', 'div', 'div_', 'dropout', 'eq',
    'exp', 'expand', 'expand_as', 'flatten', 'flip', 'floor_divide', 'gelu', 'ge', 'gt',
    'hardsigmoid', 'hardswish', 'hardtanh', 'layer_norm', 'le', 'linalg_vector_norm',
    'linear', 'logical_and', 'logical_not', 'logical_or', 'lt', 'masked_fill', 'matmul',
    'max', 'max_pool2d', 'mean', 'min', 'mul', 'mul_', 'ne', 'neg', 'norm', 'ones_like',
    'permute', 'pow', 'relu', 'relu_', 'reshape', 'roll', 'rsqrt', 'rsub', 'select',
    'sigmoid', 'sigmoid_', 'silu', 'silu_', 'size', 'slice', 'softmax', 'split', 'sqrt',
    'square', 'squeeze', 'stack', 'sub', 'sum', 'tanh', 'to', 'topk', 'transpose',
    'type_as', 'unbind', 'unflatten', 'unsqueeze', 'view', 'where', 'zeros_like',
})
# fmt: on
#: What else it may call, and what it may not give another meaning.
FUNCTIONS = ('ops.prim.NumToTensor', 'annotate', 'int', 'float', 'bool')
FIXED_NAMES = ('torch', 'ops', 'annotate', 'int', 'float', 'bool', 'CONSTANTS')
#: Code of a traced net: one assignment after the other, no loops and no branches.
NODES = (
    *(ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.keyword),
    *(ast.Assign, ast.AnnAssign, ast.Return, ast.Call, ast.Attribute, ast.Subscript, ast.Name),
    *(ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.USub, ast.Load, ast.Store),
)
MAX_CODE = 2**24
#: Entries of an archive behind its own name, all that torch.jit.save writes. Torch finds entries
#: whatever the case of their names, so that CODE/ would be code to it.
ENTRY = re.compile(
    r'code/[\w/]+\.py(\.debug_pkl)?|(data|constants)\.pkl|(data|constants)/\d+|extra/[\w.-]+|'
    r'version|byteorder|\.data/serialization_id',
    re.ASCII,
)


class TorchScriptFormat(ExportFormat):
    """One archive, frozen: weights are constants of one function."""

    name = 'torchscript'
    suffix = '.torchscript'

    def write(
        self,
        net: WholeNet,
        size: tuple[int, int],
        path: Path,
        texts: Mapping[str, str],
        precision: str,
        calibration: Tensor | None,
    ) -> None:
        with warnings.catch_warnings(), torch.no_grad():
            # Of the tracer, on checks of the image size, which is fixed, and of its age.
            warnings.simplefilter('ignore')
            try:
                traced = torch.jit.trace(net, example(net, size), check_trace=False)
            except RuntimeError as error:
                reason = ' '.join(str(error).split())[:200]
                raise ConfigError(f'the net cannot be traced: {reason}') from error
            # Where the disk is full, torch's own writing of files ends the process.
            archive = io.BytesIO()
            torch.jit.save(torch.jit.freeze(traced), archive, _extra_files=dict(texts))
            path.write_bytes(sealed_archive(archive.getvalue()))

    def read(self, path: Path) -> tuple[dict[str, str], Run, Parts]:
        parts = _checked(content(path))
        # Written again, as torch could find other entries in the same bytes than Python does.
        archive = io.BytesIO(written_archive(parts))
        texts: dict[str, Any] = dict.fromkeys(TEXTS, '')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            module = torch.jit.load(archive, map_location='cpu', _extra_files=texts)

        def run(images: np.ndarray) -> np.ndarray:
            # Of the caller's autocast the graph knows nothing.
            with torch.no_grad(), torch.autocast('cpu', enabled=False):
                return module(torch.from_numpy(np.ascontiguousarray(images))).numpy()

        found = {
            name: text.decode() if isinstance(text, bytes) else text
            for name, text in texts.items()
            if text
        }
        return found, run, parts


def _checked(data: bytes) -> dict[str, bytes]:
    """The archive's entries, if its code calls nothing but arithmetic.

    Raises:
        ValueError: the code calls something else, or this is no archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > 2 * len(data) + MAX_CODE:
                raise ValueError('its archive is far larger unpacked')
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f'it is no archive of TorchScript ({error})') from error
    if len({name.lower() for name in files}) < len(entries):
        raise ValueError('a name comes twice in its archive')
    if len({name.partition('/')[0] for name in files}) != 1:
        raise ValueError('it is no archive of TorchScript')
    inner = {name.partition('/')[2]: text for name, text in files.items()}
    for name in inner:
        if not ENTRY.fullmatch(name):
            raise ValueError(f'its archive has an entry {printable(name, 80)!r}')
    code = {name: text for name, text in inner.items() if name.startswith('code/')}
    if not code or sum(map(len, code.values())) > MAX_CODE:
        raise ValueError('it is no archive of TorchScript')
    for name, text in code.items():
        if name.endswith('.py'):
            _check_code(text)
    return files


def _check_code(source: bytes) -> None:
    try:
        tree = ast.parse(source.decode())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError('its code cannot be checked') from error
    for node in ast.walk(tree):
        if not isinstance(node, NODES) or _is_special(node):
            raise ValueError(f'its code has a {type(node).__name__} that no export has')
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name not in FUNCTIONS and not _is_arithmetic(name):
                raise ValueError(f'its code calls {name[:80]!r}')


def _is_arithmetic(name: str) -> bool:
    module, _, function = name.partition('.')
    return module == 'torch' and function in ARITHMETIC


def _is_special(node: ast.AST) -> bool:
    """Whether a node gives a function another name, or is one that the reader calls."""
    if isinstance(node, ast.FunctionDef):
        return node.name != 'forward' or bool(node.decorator_list)
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Store) and node.id in FIXED_NAMES
    return isinstance(node, ast.arg) and node.arg in FIXED_NAMES
