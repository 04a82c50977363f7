"""The Triton kernels: compared in the interpreter and on a GPU, compiled for GPUs, and left alone
where they cannot run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from msvitreid.errors import ConfigError
from msvitreid.models import MSViT
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.kernels import takes_triton
from msvitreid.models.kernels.triton_attention import _kernels
from msvitreid.models.model_description import architecture_of
from tests.models.tiny import tiny_backbone, tiny_reid_model

COMPARISONS = Path(__file__).with_name('triton_comparisons.py')

#: Strides of tokens and images divide by 16 in the published nets, so loads are of many bytes.
ALIGNED = [['tt.divisibility', 16]]


def compare(**environment):
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', COMPARISONS]
    result = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-1000:]
    assert re.search(r'\d\d passed', result.stdout)


@pytest.mark.slow
def test_in_the_interpreter():
    pytest.importorskip('triton')
    compare(TRITON_INTERPRET='1')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_on_a_gpu():
    compare(TRITON_INTERPRET='0')


def compiled(kernel, capability, side, dims):
    """A kernel for half precision maps in channels_last memory, as a program for a GPU."""
    compiler = pytest.importorskip('triton.compiler')
    target = pytest.importorskip('triton.backends.compiler').GPUTarget('cuda', capability, 32)
    constants = dict(split_h=side, split_w=side, padded_tokens=64, num_kept=side * side // 4)
    constants |= dict(dims=dims, padded_dims=16 if dims <= 16 else 32)
    constants |= dict(v_dims=dims, padded_v_dims=16 if dims <= 16 else 32)
    constants |= dict(largest_scale=4.6052, wide=False, has_add=True, relu=True)
    constants |= {name: 1 for name in kernel.arg_names if name.endswith('_c')}
    types, attributes = {}, {}
    for number, name in enumerate(kernel.arg_names):
        is_size = name in ('heads', 'groups_h', 'groups_w')
        if name in constants:
            types[name] = 'constexpr'
        elif is_size or re.search('_[bhw]$', name):
            types[name] = 'i32'
        else:
            types[name] = '*fp32' if 'logit_scale' in name else '*fp16'
        if name not in constants and not is_size:
            attributes[(number,)] = ALIGNED
    source = compiler.ASTSource(kernel, types, constants, attributes)
    return compiler.compile(source, target=target, options={'num_warps': 8})


@pytest.mark.slow
@pytest.mark.parametrize('kernel', ['forward', 'backward'])
@pytest.mark.parametrize(('capability', 'side', 'dims'), [(80, 7, 16), (90, 8, 24)])
def test_compiles_for_gpus(kernel, capability, side, dims, tmp_path, monkeypatch):
    """What the interpreter takes and a compiler does not; spilled registers; narrow loads."""
    triton = pytest.importorskip('triton', '3.3')
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    program = compiled(getattr(_kernels(), kernel), capability, side, dims)
    assert program.metadata.shared <= 48 * 1024
    assert re.search(r'ld\.global\.v[24]', program.asm['ptx'])
    (tmp_path / 'cubin').write_bytes(program.asm['cubin'])
    tool = Path(triton.__file__).parent / 'backends/nvidia/bin/cuobjdump'
    usage = subprocess.run(
        [tool, '--dump-resource-usage', tmp_path / 'cubin'], capture_output=True, text=True
    )
    assert 'STACK:0 ' in usage.stdout


def maps(dtype=torch.float32):
    return torch.randn(4, 2, 8, 4, 4, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('act', [None, nn.ReLU(), nn.GELU()])
def test_on_the_cpu_torch_computes(dtype, act, monkeypatch):
    """A net of a GPU on a machine without one: nothing is different, and Triton not imported."""
    monkeypatch.setitem(sys.modules, 'triton', None)
    plain = SparseGridAttention(2, (2, 2), 0.5).to(dtype)
    asked = SparseGridAttention(2, (2, 2), 0.5, kernel='triton').to(dtype)
    q, k, v, add = maps(dtype)
    expected = plain(q, k, v) + add
    expected = expected if act is None else act(expected)
    assert torch.equal(asked(q, k, v, add, act), expected)
    with torch.no_grad():
        before = add.clone()
        assert torch.equal(asked(q, k, v, add, act), expected)
        assert torch.equal(add, before)


def test_without_triton_the_error_names_the_option(monkeypatch):
    monkeypatch.delitem(sys.modules, 'msvitreid.models.kernels.triton_kernels', False)
    monkeypatch.delattr('msvitreid.models.kernels.triton_kernels', raising=False)
    monkeypatch.setitem(sys.modules, 'triton', None)
    with pytest.raises(ConfigError, match="attention_kernel='triton' needs Triton"):
        _kernels()


class OnAGPU:
    """Of a map, what decides on the kernels."""

    is_cuda = True

    def __init__(self, channels, dtype):
        self.shape, self.dtype = (2, channels, 8, 8), dtype


@pytest.mark.parametrize(
    ('channels', 'split', 'dtype', 'expected'),
    [
        (128, (8, 8), torch.float32, True),
        (128, (8, 8), torch.bfloat16, True),
        (128, (8, 8), torch.float64, False),
        (130, (8, 8), torch.float16, False),
        (128, (8, 9), torch.float16, False),
    ],
)
def test_what_the_kernels_take(channels, split, dtype, expected):
    assert takes_triton(*3 * [OnAGPU(channels, dtype)], 2, split) is expected


def test_subclasses_are_computed_by_torch():
    """They may group in another way, as one in the evidence of the docs does."""

    class Other(SparseGridAttention):
        pass

    given = 3 * [OnAGPU(128, torch.float32)]
    assert SparseGridAttention(2, (8, 8), kernel='triton')._takes_kernel(*given)
    assert not SparseGridAttention(2, (8, 8))._takes_kernel(*given)
    assert not Other(2, (8, 8), kernel='triton')._takes_kernel(*given)


def test_the_option_reaches_every_attention_and_no_model_file():
    net = MSViT(**tiny_backbone(), attention_kernel='triton')
    kernels = [m.kernel for m in net.modules() if isinstance(m, SparseGridAttention)]
    assert kernels == ['triton', 'triton']
    config = tiny_reid_model()
    without = architecture_of(config)
    config['backbone']['attention_kernel'] = 'triton'
    assert architecture_of(config) == without


def test_what_is_added_is_of_the_size_of_the_values():
    attention = SparseGridAttention(2, (2, 2), 0.5)
    q, k, v, add = maps()
    with pytest.raises(ValueError, match='add must be of the size of v'):
        attention(q, k, v, add[:1])


@pytest.mark.parametrize('kernel', ['cuda', None, True])
def test_an_unknown_kernel_is_refused(kernel):
    with pytest.raises(ConfigError, match='attention_kernel'):
        SparseGridAttention(2, (2, 2), 0.5, kernel=kernel)
