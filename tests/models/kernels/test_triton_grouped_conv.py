"""The kernels' numbers, on a GPU or in Triton's interpreter, and that GPUs' code is made of them.

Triton decides at its import whether it interprets. So one test runs this file once more, in a
process with ``TRITON_INTERPRET=1``, where the comparisons run on the CPU.
"""

import copy
import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from msvitreid.deployment.fused import FusedConv
from msvitreid.models.backbones.blocks import CNNBlock
from msvitreid.models.kernels.grouped_conv import (
    _grouped_conv3x3,
    grouped_conv3x3,
    pack_weight,
    use_grouped_conv_kernel,
)

pytest.importorskip('triton', minversion='3.1')  # of torch 2.5

INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
ON_GPU = pytest.param(
    'cuda',
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
    ],
)
on_devices = pytest.mark.parametrize('device', ['cpu'] if INTERPRETED else [ON_GPU])

#: Relative errors: of float32 sums, and of results that are rounded to half precision.
TOLERANCES = {torch.float32: 5e-7, torch.float16: 4e-4, torch.bfloat16: 5e-3}
#: Of float32 sums of half precision's products, whose last bits tensor cores cut off.
CUT_OFF = 5e-7 if INTERPRETED else 2e-5


@pytest.fixture
def small_tiles(monkeypatch):
    """Several tiles of pixels a map, and less time of the interpreter."""
    from msvitreid.models.kernels import grouped_conv_launch

    monkeypatch.setattr(grouped_conv_launch, 'DIRECT_PIXELS', 2)


def example(shape, dtype, device='cpu', seed=0):
    """A map and a weight that is exact in ``dtype``, a shift, and where the sums are near 1."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator).to(dtype)
    weight = torch.randn(shape[1], 4, 3, 3, generator=generator).div(6).to(dtype).float()
    shift = torch.randn(shape[1], generator=generator)
    return [tensor.to(device).requires_grad_() for tensor in (x, weight, shift)]


def exact(x, weight, shift, stride, relu):
    """By torch in float64, and its inputs."""
    inputs = [tensor.detach().double().requires_grad_() for tensor in (x, weight, shift)]
    out = F.conv2d(*inputs, stride, padding=1, groups=x.shape[1] // 4)
    return (out.relu() if relu else out), inputs


def error(found, expected):
    return ((found.double() - expected).norm() / expected.norm()).item()


@on_devices
@pytest.mark.usefixtures('small_tiles')
@pytest.mark.parametrize(
    ('dtype', 'shape', 'stride', 'packed'),
    [
        (torch.float32, (3, 8, 7, 5), 1, False),
        (torch.float32, (1, 64, 5, 6), 2, True),
        (torch.float16, (1, 24, 9, 3), 2, False),
        (torch.float16, (1, 64, 6, 5), 1, False),
        (torch.float16, (3, 24, 5, 4), 1, True),
        (torch.float16, (1, 8, 17, 19), 2, True),
        (torch.bfloat16, (1, 32, 5, 7), 1, False),
        (torch.bfloat16, (2, 20, 12, 13), 1, True),
        (torch.bfloat16, (2, 4, 1, 2), 1, True),
        (torch.bfloat16, (2, 4, 2, 1), 2, False),
    ],
    ids=str,
)
def test_agrees_with_torch_in_float64(device, dtype, shape, stride, packed):
    """Borders, odd sizes and batches, several tiles of pixels, a part of a tile of channels."""
    inputs = example(shape, dtype, device)
    relu = shape[0] == 1
    out = grouped_conv3x3(*inputs, stride, relu, packed)
    expected, exact_inputs = exact(*inputs, stride, relu)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert error(out, expected) < TOLERANCES[dtype]

    cotangent = torch.randn_like(out)
    by_x, by_weight, by_shift = torch.autograd.grad(out, inputs, cotangent)
    # Where rounding to zero hides a positive sum, no gradient flows either.
    masked = cotangent.double() * (out > 0) if relu else cotangent.double()
    plain, exact_inputs = exact(*inputs, stride, relu=False)
    wanted = torch.autograd.grad(plain, exact_inputs, masked)
    assert error(by_x, wanted[0]) < TOLERANCES[dtype]
    # float32 whatever the maps are, as the weights are.
    assert error(by_weight, wanted[1]) < CUT_OFF
    assert error(by_shift, wanted[2]) < TOLERANCES[torch.float32]


@on_devices
@pytest.mark.usefixtures('small_tiles')
def test_takes_maps_in_any_memory(device):
    """Layout: NCHW, every second channel of a map, a transposed one; gradients of one number."""
    x, weight, _ = example((2, 16, 5, 7), torch.float32, device)
    wide = torch.zeros(2, 32, 5, 7, device=device)
    wide[:, ::2] = x.detach()
    expected = grouped_conv3x3(x.detach().contiguous(memory_format=torch.channels_last), weight)
    transposed = x.detach().transpose(2, 3).contiguous().transpose(2, 3)
    for view in (x.detach(), wide[:, ::2], transposed):
        assert torch.equal(grouped_conv3x3(view, weight), expected)

    (by_x,) = torch.autograd.grad(grouped_conv3x3(x, weight, None, 2).sum(), x)
    plain = F.conv2d(x.double(), weight.double(), None, 2, padding=1, groups=4).sum()
    assert error(by_x, torch.autograd.grad(plain, x)[0].double()) < 5e-7


@on_devices
@pytest.mark.usefixtures('small_tiles')
def test_a_weight_gradient_in_parts(device, monkeypatch):
    """Determinism: parts are added in one order, so the bits are equal from call to call."""
    from msvitreid.models.kernels import grouped_conv_launch

    # As many programs for few channels and large maps as for many and small ones.
    assert grouped_conv_launch.count_parts(256 * 96 * 32, 16) == 1536
    assert grouped_conv_launch.count_parts(256 * 96 * 32, 128) == 512
    assert grouped_conv_launch.count_parts(256 * 24 * 8, 1024) == 64
    assert grouped_conv_launch.count_parts(10, 4096) == 1
    inputs = example((3, 16, 11, 9), torch.float16, device)
    monkeypatch.setattr(grouped_conv_launch, 'PART_PIXELS', 50)
    assert grouped_conv_launch.count_parts(3 * 11 * 9, 16) == 5
    out = grouped_conv3x3(*inputs)
    cotangent = torch.randn_like(out)
    first, second = (
        torch.autograd.grad(out, inputs[1], cotangent, retain_graph=True)[0] for _ in range(2)
    )
    plain, exact_inputs = exact(*inputs, 1, relu=False)
    wanted = torch.autograd.grad(plain, exact_inputs[1], cotangent.double())[0]
    assert error(first, wanted) < CUT_OFF
    assert torch.equal(first, second)


@on_devices
@pytest.mark.usefixtures('small_tiles')
def test_several_tiles_of_channels(device, monkeypatch):
    from msvitreid.models.kernels import grouped_conv_launch

    monkeypatch.setattr(grouped_conv_launch, 'MOST_GROUPS', 2)
    inputs = example((2, 24, 9, 4), torch.float32, device)
    out = grouped_conv3x3(*inputs, 2, packed=False)
    expected, exact_inputs = exact(*inputs, 2, relu=False)
    cotangent = torch.randn_like(out)
    assert error(out, expected) < 5e-7
    found = torch.autograd.grad(out, inputs[0], cotangent)[0]
    wanted = torch.autograd.grad(expected, exact_inputs[0], cotangent.double())[0]
    assert error(found, wanted) < 5e-7


@on_devices
@pytest.mark.usefixtures('small_tiles')
def test_what_is_no_number_stays_none(device):
    """NaN: ReLU keeps it; the packed form spreads it among the channels of a dense group."""
    x, weight, _ = example((1, 20, 5, 5), torch.float16, device)
    x = x.detach()
    x[0, 0, 0, 0] = float('nan')
    assert grouped_conv3x3(x, weight, relu=True, packed=False).isnan().sum() == 4 * 4
    assert grouped_conv3x3(x, weight, relu=True, packed=True).isnan().sum() == 4 * 16


@on_devices
@pytest.mark.usefixtures('small_tiles')
@pytest.mark.parametrize('autocast', [False, True])
def test_a_block_of_the_net(device, autocast, monkeypatch):
    """Training and the fused net: a block with the kernels gives what torch's gives."""
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)
    torch.manual_seed(0)
    block = CNNBlock(8, 8, stride=2, project_skip=True).to(device)
    other = copy.deepcopy(block)
    assert use_grouped_conv_kernel(other) == 2
    tolerance = 2e-2 if autocast else 1e-5
    x = torch.randn(2, 8, 9, 5, device=device)
    cotangent = torch.randn(2, 8, 5, 3, device=device)
    results = []
    for module in (block, other):
        with torch.autocast(device, torch.bfloat16, enabled=autocast):
            out = module(x)
        results.append((out, *torch.autograd.grad(out, tuple(module.parameters()), cotangent)))
    largest = max(gradient.norm() for gradient in results[0])
    for expected, found in zip(*results, strict=True):
        # What a BatchNorm takes out again has gradients of rounding noise only.
        if expected.norm() > 0.05 * largest:
            assert error(found, expected.double()) < tolerance

    layers = {'conv': other.main[1].conv, 'norm': other.main[1].norm, 'act': other.main[1].act}
    fused = FusedConv(nn.Sequential(OrderedDict(layers)).eval())
    assert fused.in_kernel
    hidden = torch.randn(2, 32, 9, 5, device=device)
    with torch.no_grad():
        assert error(fused(hidden), other.main[1](hidden).double()) < 2e-6


@on_devices
@pytest.mark.usefixtures('small_tiles')
def test_as_torch_wants_its_operations(device):
    """The shapes it announces, its gradients and what it alters, for ``torch.compile``."""
    inputs = example((2, 8, 5, 4), torch.float32, device)
    torch.library.opcheck(_grouped_conv3x3, (*inputs, 2, True, False))


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason='is this process')
def test_in_the_interpreter():
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', __file__],
        env=os.environ | {'TRITON_INTERPRET': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    passed = re.search(r'(\d+) passed', run.stdout)
    assert passed
    assert int(passed[1]) == 17


def launches(dtype):
    """Every kernel once, at shapes of the published nets."""
    from msvitreid.models.kernels import grouped_conv_launch as launch

    def empty(channels, height, width):
        return launch.empty_map(torch.empty(2, channels, 1, 1, dtype=dtype), height, width)

    small, large = empty(128, 96, 32), empty(128, 192, 64)
    last = empty(1024, 24, 8)
    weight = pack_weight(torch.empty(1024, 4, 3, 3), dtype)
    parts = torch.empty(8, 3, 3, 4, 1024)
    shift = torch.empty(1024)
    return {
        'direct': launch.convolution(last, weight, shift, last, relu=True),
        'packed': launch.convolution(large, weight, None, small, 2, packed=True),
        'input gradient': launch.input_gradient_of_stride_2(small, weight, large),
        'weight gradient': launch.weight_gradient_parts(last, last, parts, 1),
    }


def compiled(launch, capability, folder):
    """Code for a GPU that need not be here."""
    import triton
    from triton.backends.compiler import GPUTarget

    types = {torch.float16: '*fp16', torch.bfloat16: '*bf16', torch.float32: '*fp32'}
    signature, constants, aligned = {}, {}, {}
    for position, parameter in enumerate(launch.kernel.params):
        value = launch.arguments[parameter.name]
        if parameter.is_constexpr or value is None:
            signature[parameter.name] = 'constexpr'
            constants[parameter.name] = value
            continue
        is_map = isinstance(value, torch.Tensor)
        signature[parameter.name] = types[value.dtype] if is_map else 'i32'
        if is_map or value % 16 == 0:
            aligned[position,] = [['tt.divisibility', 16]]
    code = triton.compile(
        triton.compiler.ASTSource(launch.kernel, signature, constants, aligned),
        target=GPUTarget('cuda', capability, 32),
        options={'num_warps': launch.num_warps},
    )
    path = folder / 'kernel.cubin'
    path.write_bytes(code.asm['cubin'])
    tool = Path(triton.__file__).parent / 'backends/nvidia/bin/cuobjdump'
    report = subprocess.run([tool, '-res-usage', path], capture_output=True, text=True)
    usage = re.search(r'REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)', report.stdout)
    return code, [int(number) for number in usage.groups()]


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason='the interpreter compiles nothing')
@pytest.mark.parametrize('capability', [80, 90])
@pytest.mark.parametrize(
    'kernel', ['direct', 'packed', 'input gradient', 'weight gradient'], ids=str
)
def test_compiles_without_a_gpu(kernel, capability, tmp_path, monkeypatch):
    """Resources: registers without spills, shared memory for four programs a processor."""
    pytest.importorskip('triton', minversion='3.3', reason='compiles by other arguments')
    monkeypatch.setenv('TRITON_CACHE_DIR', str(tmp_path))
    code, (registers, stack, local) = compiled(
        launches(torch.float16)[kernel], capability, tmp_path
    )
    assert registers <= 255
    assert (stack, local) == (0, 0)
    assert code.metadata.shared <= 40 * 1024
    # Four channels of a pixel are loaded at once, and nothing moves between threads.
    if kernel in ('direct', 'input gradient'):
        assert 'convert_layout' not in code.asm['ttgir']
        assert code.metadata.shared == 0
