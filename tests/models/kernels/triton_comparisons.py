"""The Triton kernels against torch's operations: on a GPU, or on the CPU in Triton's interpreter.

Run by :mod:`.test_triton_attention` in a process of its own, as Triton decides on its interpreter
when it is imported (``TRITON_INTERPRET=1``). Maps are tiny: the interpreter takes a tenth of a
second for a group.
"""

import pytest
import torch
import triton
import triton.language as tl
from torch import nn

from msvitreid.deployment.fused import _fuse
from msvitreid.models.backbones import SparseGridAttention
from msvitreid.models.backbones.blocks import SparseAttentionBlock
from msvitreid.models.kernels import mask_of_largest, takes_triton, triton_attention
from msvitreid.models.kernels.triton_attention import INTERPRETED
from msvitreid.models.kernels.triton_kernels import _kept
from tests.models.golden import golden
from tests.models.kernels.test_sparse_softmax import ODD_ROWS

DEVICE = 'cpu' if INTERPRETED else 'cuda'

#: Largest error of a result or gradient, as a share of the norm in float64 or of 1, the larger.
TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}


def maps_of(heads, dims, size, batch=1, dtype=torch.float32, number=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(number, batch, heads * dims, *size, generator=generator).to(dtype)
    # Farther from zero than what is added to it, so that rounding turns no ReLU on or off.
    maps[3:] += 9 * maps[3:].sign()
    return [x.contiguous(memory_format=torch.channels_last) for x in maps]


def pair_of(heads, split, ratio):
    """An attention computed by the kernels, and the same in float64 by torch's operations."""
    torch.manual_seed(1)
    fast = SparseGridAttention(heads, split, ratio, kernel='triton').to(DEVICE)
    nn.init.normal_(fast.logit_scale, mean=2.3)
    plain = SparseGridAttention(heads, split, ratio).double()
    plain.load_state_dict(fast.state_dict())
    return fast, plain


def run(attention, maps, add, relu):
    """Output and gradients of the maps and the scale, in float64 on the CPU."""
    leaves = [x.detach().requires_grad_() for x in maps]
    added = leaves[3] if add else None
    output = attention(*leaves[:3], added, nn.ReLU() if relu else None)
    cotangent = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
    output.backward(cotangent.to(output))
    found = [output.detach(), attention.logit_scale.grad, *(x.grad for x in leaves[: 3 + add])]
    return [x.double().cpu() for x in found]


def check(attentions, maps, add=True, relu=True, tolerance=None):
    fast, plain = attentions
    on_device = [x.to(DEVICE) for x in maps]
    assert takes_triton(*on_device[:3], fast.num_heads, fast.split_size)
    found = run(fast, on_device, add, relu)
    expected = run(plain, [x.double() for x in maps], add, relu)
    tolerance = tolerance or TOLERANCE[maps[0].dtype]
    names = ['output', 'scale', 'q', 'k', 'v', 'add'][: len(expected)]
    for name, ours, theirs in zip(names, found, expected, strict=True):
        assert (ours - theirs).norm() <= tolerance * theirs.norm().clamp(min=1), name


@pytest.mark.parametrize('relu', [False, True])
@pytest.mark.parametrize('add', [False, True])
@pytest.mark.parametrize('kept', [1, 4, 16])
def test_options(kept, add, relu):
    check(pair_of(1, (4, 4), kept / 16), maps_of(1, 8, (4, 4)), add, relu)


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize(
    ('heads', 'dims', 'split', 'size'),
    [(2, 24, (7, 7), (7, 7)), (1, 16, (8, 8), (16, 8)), (1, 64, (2, 3), (2, 3))],
)
def test_shapes_and_types(heads, dims, split, size, dtype):
    """Arrays that are padded: 49 and 6 tokens, heads of 24; several heads, groups, images."""
    maps = maps_of(heads, dims, size, batch=3 if split == (2, 3) else 1, dtype=dtype)
    check(pair_of(heads, split, 0.3), maps)


def every_second(x):
    """In memory with another map between its numbers."""
    return torch.stack([x, x + 1], dim=-1)[..., 0]


@pytest.mark.parametrize(
    'lay',
    [
        torch.Tensor.contiguous,
        every_second,
        lambda x: x.mT.contiguous().mT,
        lambda x: x[:, :, :, :1].expand_as(x),
        lambda x: x.movedim(0, 3).contiguous().movedim(3, 0),
    ],
    ids=['NCHW', 'every second number', 'columns first', 'one column', 'images last'],
)
def test_memory_formats(lay):
    """The class: kernels that take a map for contiguous."""
    maps = [lay(x) for x in maps_of(1, 8, (4, 2), batch=2)]
    check(pair_of(1, (2, 2), 0.5), maps)
    fast, _ = pair_of(1, (2, 2), 0.5)
    output = fast(*(x[:1].to(DEVICE) for x in maps[:3]))
    assert output.is_contiguous(memory_format=torch.channels_last)


def test_maps_of_different_types_and_channels():
    q, k, v, add = maps_of(2, 8, (4, 2))
    narrow = v[:, :6].contiguous(), add[:, :6].contiguous()
    check(pair_of(2, (2, 2), 0.5), [q, k, *narrow])
    half = [q.half(), k.bfloat16(), v, add]
    check(pair_of(2, (2, 2), 0.5), half, tolerance=2e-2)


def test_identical_keys():
    """Ties: exactly k are kept, also of the 48 equal keys of a constant area.

    Which of them get the gradient is a matter of rounding on the CPU, so their sum is compared.
    """
    q, k, v, add = maps_of(1, 8, (8, 8))
    k[..., 2:, :], v[..., 2:, :] = 0.5, 0.25
    fast, plain = pair_of(1, (8, 8), 0.3)
    found = run(fast, [x.to(DEVICE) for x in (q, k, v, add)], True, True)
    expected = run(plain, [x.double() for x in (q, k, v, add)], True, True)
    for grads in (found, expected):
        for i in (3, 4):
            area = grads[i][..., 2:, :].sum((2, 3), keepdim=True).expand(1, 8, 1, 8)
            grads[i] = torch.cat([grads[i][..., :2, :], area], dim=2)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm()


def test_of_keys_that_tie_the_first_are_kept():
    attention = SparseGridAttention(1, (2, 2), 0.5, kernel='triton').to(DEVICE)
    same = torch.ones(1, 1, 2, 2, device=DEVICE)
    values = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]], device=DEVICE)
    torch.testing.assert_close(attention(same, same, values), torch.full_like(values, 1.5))


def test_zero_tokens():
    """No direction, so all cosines are 0; the gradient is divided by 1e-12, as in normalize."""
    q, k, v, add = maps_of(1, 8, (4, 4))
    q[..., 1, :], k[..., 2:, :] = 0, 0
    check(pair_of(1, (4, 4), 0.3), [q, k, v, add])


@pytest.mark.parametrize('wrong', [float('nan'), float('inf')])
@pytest.mark.parametrize('which', ['q', 'k', 'v'])
def test_what_is_no_number_is_seen_in_the_same_places(which, wrong):
    maps = maps_of(1, 8, (4, 4))
    maps['qkv'.index(which)][0, 3, 1, 2] = wrong
    fast, plain = pair_of(1, (4, 4), 0.3)
    found = run(fast, [x.to(DEVICE) for x in maps], True, True)
    expected = run(plain, [x.double() for x in maps], True, True)
    assert not found[0].isfinite().all()
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours.isfinite(), theirs.isfinite())


@triton.jit
def mask(rows, kept, num_kept: tl.constexpr):
    """Of 16 rows of 5 numbers, padded to 16."""
    place = tl.arange(0, 16)
    present = (place < 5)[None, :]
    places = place[:, None] * 5 + place[None, :]
    numbers = tl.load(rows + places, mask=present, other=0.0)
    tl.store(kept + places, _kept(numbers, present, num_kept).to(tl.int32), mask=present)


@pytest.mark.parametrize('num_kept', [1, 2, 3, 4])
def test_odd_rows(num_kept):
    """Zeros of both signs, infinities, subnormal numbers and NaN, as the plain selection."""
    rows = torch.tensor([row for row in ODD_ROWS.values() if len(row) == 5][:16])
    rows = torch.cat([rows, torch.zeros(16 - len(rows), 5)])
    kept = torch.full((16, 5), -1, dtype=torch.int32, device=DEVICE)
    mask[(1,)](rows.to(DEVICE), kept, num_kept)
    kept = kept.cpu()
    has_nan = rows.isnan().any(1)
    assert has_nan.sum() >= 3
    assert torch.equal(kept[~has_nan].bool(), mask_of_largest(rows, num_kept)[~has_nan])
    assert (kept.sum(1) == num_kept).all()
    assert (kept.bool() & rows.isnan()).any(1)[has_nan].all()


def test_golden():
    stored = golden('sparse_attention')
    attention = SparseGridAttention(
        int(stored['heads']),
        tuple(stored['split_size'].tolist()),
        float(stored['sparse_ratio']),
        kernel='triton',
    ).to(DEVICE)
    with torch.no_grad():
        attention.logit_scale.copy_(torch.from_numpy(stored['logit_scale']))
    leaves = {
        name: torch.from_numpy(stored[name]).to(DEVICE, torch.float32).requires_grad_()
        for name in ('q', 'k', 'v')
    }
    output = attention(*leaves.values())
    output.backward(torch.from_numpy(stored['cotangent']).to(output))
    found = {'output': output, 'grad_logit_scale': attention.logit_scale.grad}
    found |= {f'grad_{name}': leaf.grad for name, leaf in leaves.items()}
    for name, value in found.items():
        expected = torch.from_numpy(stored[name]).double()
        error = (value.detach().double().cpu() - expected).norm()
        assert error < 1e-5 * expected.norm(), name


def test_nothing_of_tokens_by_tokens_is_kept():
    """One map each of q, k and v and of the output, and two scales: 4 * 256 + 2."""
    fast, _ = pair_of(2, (4, 4), 0.3)
    q, k, v, add = (x.to(DEVICE).requires_grad_() for x in maps_of(2, 8, (4, 4)))
    kept = []
    hooks = torch.autograd.graph.saved_tensors_hooks
    with hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        fast(q, k, v, add, nn.ReLU())
    assert sum(kept) == 4 * 256 + 2


def test_an_empty_batch():
    fast, _ = pair_of(1, (2, 2), 0.5)
    q, k, v = (x[:0].to(DEVICE).requires_grad_() for x in maps_of(1, 8, (4, 4))[:3])
    output = fast(q, k, v)
    output.sum().backward()
    assert output.shape == q.grad.shape == (0, 8, 4, 4)
    assert fast.logit_scale.grad.item() == 0


def test_the_operation_for_compilers():
    """Its schema, shapes without numbers, and gradient, as torch checks them."""
    fast, _ = pair_of(1, (2, 2), 0.5)
    maps = [x.to(DEVICE).requires_grad_() for x in maps_of(1, 8, (2, 2))]
    arguments = (*maps[:3], fast.logit_scale, maps[3], (2, 2), 2, 4.6052, True)
    torch.library.opcheck(triton_attention, arguments)


def a_block(**options):
    torch.manual_seed(0)
    return SparseAttentionBlock(8, 1, (2, 2), 0.5, **options).to(DEVICE).eval()


@pytest.mark.parametrize(
    ('how', 'act'),
    [
        ('plain', 'GELU'),
        ('plain', 'ReLU'),
        ('fused', 'GELU'),
        ('fused', 'ReLU'),
        ('compiled', 'ReLU'),
        ('autocast', 'ReLU'),
    ],
)
def test_a_block(how, act):
    """One of a net, also as evaluation fuses it, compiled in one graph, and in half precision."""
    plain = a_block(act_cfg={'type': act})
    block = a_block(act_cfg={'type': act}, attention_kernel='triton')
    (x,) = maps_of(1, 8, (2, 2), number=1)
    x = x.to(DEVICE)
    if how == 'fused':
        block = _fuse(block)
    elif how == 'compiled':
        block = torch.compile(block, backend='aot_eager', fullgraph=True)
    with torch.autocast(DEVICE, torch.bfloat16, enabled=how == 'autocast'):
        found, expected = block(x), plain(x)
    weights = torch.linspace(-1, 1, x.numel(), device=DEVICE).view(x.shape)
    for output in (found, expected):
        (output * weights).sum().backward()
    tolerance = 2e-2 if how == 'autocast' else 1e-5
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    if how != 'fused':
        for ours, theirs in zip(block.parameters(), plain.parameters(), strict=True):
            assert (ours.grad - theirs.grad).norm() <= 5 * tolerance * theirs.grad.norm()


def test_without_gradients():
    fast, plain = pair_of(1, (2, 2), 0.5)
    q, k, v, add = maps_of(1, 8, (2, 2))
    with torch.inference_mode():
        found = fast(*(x.to(DEVICE) for x in (q, k, v, add)), nn.ReLU())
        expected = plain(*(x.double() for x in (q, k, v, add)), nn.ReLU())
    torch.testing.assert_close(found.cpu(), expected.float(), rtol=1e-5, atol=1e-5)


def test_two_runs_are_equal():
    """The scale's gradient is not summed in any order."""
    fast, _ = pair_of(1, (4, 4), 0.3)
    maps = [x.to(DEVICE) for x in maps_of(1, 8, (8, 4))]
    first = run(fast, maps, True, True)
    fast.logit_scale.grad = None
    for one, other in zip(first, run(fast, maps, True, True), strict=True):
        assert torch.equal(one, other)
