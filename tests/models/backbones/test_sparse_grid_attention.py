import re

import numpy as np
import pytest
import torch

from msvitreid.errors import ConfigError
from msvitreid.models.backbones import SparseGridAttention
from tests.models.golden import golden


def plain_attention(q, k, v, attention):
    """The published description, token by token; of keys that tie the first ones."""
    batch, channels, height, width = q.shape
    rows, columns = attention.split_size
    groups_h, groups_w = height // rows, width // columns
    dims = channels // attention.num_heads
    output = torch.empty_like(v)
    for b in range(batch):
        for h in range(attention.num_heads):
            channel = slice(h * dims, (h + 1) * dims)
            scale = attention.logit_scale[h].clamp(max=4.6052).exp()
            for y in range(groups_h):
                for x in range(groups_w):
                    tokens = [
                        (i, j)
                        for i in range(y, height, groups_h)
                        for j in range(x, width, groups_w)
                    ]
                    ks = torch.stack([k[b, channel, i, j] for i, j in tokens])
                    vs = torch.stack([v[b, channel, i, j] for i, j in tokens])
                    for i, j in tokens:
                        query = q[b, channel, i, j]
                        cosine = torch.cosine_similarity(query[None], ks, dim=1)
                        logits = (cosine * scale).flatten()
                        first = logits.argsort(descending=True, stable=True)
                        weights = torch.zeros_like(logits)
                        weights[first[: attention.num_kept]] = 1
                        weights *= logits.exp()
                        output[b, channel, i, j] = weights / weights.sum() @ vs
    return output


@pytest.mark.parametrize(
    ('heads', 'dims', 'split', 'size', 'ratio'),
    [
        (1, 4, (2, 3), (4, 9), 0.5),
        (2, 3, (4, 2), (4, 6), 0.3),
        (2, 2, (2, 2), (6, 2), 0.25),
        (1, 2, (3, 3), (3, 3), 1.0),
    ],
)
def test_equals_the_plain_loop(heads, dims, split, size, ratio):
    torch.manual_seed(0)
    attention = SparseGridAttention(heads, split, ratio).double()
    torch.nn.init.normal_(attention.logit_scale, mean=2.3)
    q, k, v = torch.randn(3, 2, heads * dims, *size, dtype=torch.float64)
    with torch.no_grad():
        expected = plain_attention(q, k, v, attention)
        torch.testing.assert_close(attention(q, k, v), expected)


def erased(maps):
    """Maps with a constant area, as of an erased image: keys there are identical."""
    maps = maps.clone()
    maps[..., 2:, :] = 0.5
    return maps


@pytest.mark.parametrize('path', ['plain', 'compiled', 'autocast', 'flushed'])
def test_exactly_k_of_identical_keys_in_every_path(path):
    """Ties: another net wherever an image has a constant area, as erased images have."""
    torch.manual_seed(0)
    attention = SparseGridAttention(1, (4, 4), 0.3)
    q, k, v = torch.randn(3, 1, 4, 4, 4)
    k, v = erased(k), erased(v)
    with torch.no_grad():
        expected = plain_attention(q, k, v, attention)
        # Eight keys are identical, so the fourth largest often ties with the fifth.
        ordered = attention.logits(q, k).sort(descending=True).values
        assert attention.num_kept == 4
        assert (ordered[..., 3] - ordered[..., 4]).abs().lt(1e-6).float().mean() > 0.25
        if path == 'compiled':
            found = torch.compile(attention, backend='aot_eager')(q, k, v)
        elif path == 'autocast':
            with torch.autocast('cpu', torch.bfloat16):
                found = attention(q, k, v)
        else:
            torch.set_flush_denormal(path == 'flushed')
            try:
                found = attention(q, k, v)
            finally:
                torch.set_flush_denormal(False)
    tolerance = 0.05 if path == 'autocast' else 1e-5
    torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-6), (torch.float32, 1e-2)])
def test_golden_output_and_gradients(dtype, tolerance):
    stored = golden('sparse_attention')
    attention = SparseGridAttention(
        int(stored['heads']),
        tuple(stored['split_size'].tolist()),
        float(stored['sparse_ratio']),
    ).to(dtype)
    with torch.no_grad():
        attention.logit_scale.copy_(torch.from_numpy(stored['logit_scale']))
    leaves = {
        name: torch.from_numpy(stored[name]).to(dtype).requires_grad_()
        for name in ('q', 'k', 'v')
    }
    output = attention(*leaves.values())
    output.backward(torch.from_numpy(stored['cotangent']).to(dtype))
    found = {'output': output.detach(), 'grad_logit_scale': attention.logit_scale.grad}
    found |= {f'grad_{name}': leaf.grad for name, leaf in leaves.items()}
    for name, value in found.items():
        error = np.linalg.norm(value.numpy() - stored[name])
        assert error < tolerance * np.linalg.norm(stored[name]), name


def test_num_kept_is_the_published_truncation():
    assert SparseGridAttention(1, (8, 8), 0.3).num_kept == 19
    assert SparseGridAttention(1, (7, 7), 0.3).num_kept == 14
    assert SparseGridAttention(1, (8, 8), 1.0).num_kept == 64


def test_logit_scale_above_the_clamp_gets_no_gradient():
    attention = SparseGridAttention(1, (2, 2), 1.0)
    torch.nn.init.constant_(attention.logit_scale, 5.0)
    attention(*torch.randn(3, 1, 4, 2, 2)).sum().backward()
    assert attention.logit_scale.grad.item() == 0


def test_of_keys_that_tie_the_first_are_kept():
    attention = SparseGridAttention(1, (2, 2), 0.5)
    same = torch.ones(1, 1, 2, 2)
    values = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    torch.testing.assert_close(attention(same, same, values), torch.full((1, 1, 2, 2), 1.5))


def test_half_precision_maps_select_in_float32():
    """Cosines that differ by less than half precision resolves are still told apart."""
    attention = SparseGridAttention(1, (2, 2), 0.25)
    q = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2)
    angles = torch.tensor([0.010, 0.012, 0.014, 0.016])
    k = torch.stack([angles.cos(), angles.sin()]).view(1, 2, 2, 2)
    values = torch.eye(4)[:2].view(1, 2, 2, 2)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = attention(q, k, values)
    # Every query keeps the first key alone.
    torch.testing.assert_close(output.float(), values[..., :1, :1].expand_as(values))


def test_zero_tokens_stay_finite_in_half_precision():
    attention = SparseGridAttention(1, (2, 2), 0.5).half()
    zeros = torch.zeros(1, 4, 4, 4, dtype=torch.float16)
    assert attention(zeros, zeros, zeros).isfinite().all()


def test_a_ratio_that_keeps_nothing_is_refused():
    with pytest.raises(ConfigError, match=r'sparse_ratio 0\.1 keeps 0 of the 4 keys'):
        SparseGridAttention(1, (2, 2), 0.1)


@pytest.mark.parametrize('ratio', [0, -0.01, 1.001, 1e-320, float('nan'), float('inf')])
def test_a_ratio_out_of_range_is_refused(ratio):
    """Options out of range: 1.001 was taken for 1, NaN and infinity ended in a traceback."""
    with pytest.raises(ConfigError, match='sparse_ratio'):
        SparseGridAttention(1, (8, 8), ratio)


@pytest.mark.parametrize('ratio', ['0.3', None, True, [0.3]])
def test_a_ratio_that_is_no_number_is_refused(ratio):
    with pytest.raises(ConfigError, match='sparse_ratio must be a number'):
        SparseGridAttention(1, (8, 8), ratio)


@pytest.mark.parametrize('split', [(0, 8), (-1, -1), (8,), 8, (1.5, 2), ('8', '8'), None])
def test_a_group_without_a_size_is_refused(split):
    with pytest.raises(ConfigError, match='split_size'):
        SparseGridAttention(1, split, 0.5)


@pytest.mark.parametrize('heads', [0, -1, 1.5, None])
def test_a_number_of_heads_that_is_none_is_refused(heads):
    with pytest.raises(ConfigError, match='num_heads'):
        SparseGridAttention(heads, (2, 2), 0.5)


@pytest.mark.parametrize('split', [(1, 1), (2, 1), (3, 1), (7, 7), (8, 8), (9, 11)])
def test_the_least_ratio_that_an_error_names_is_taken(split):
    """An error's advice that fails itself: 1/3 to four places, 0.3333, keeps 0 of 3 keys."""
    with pytest.raises(ConfigError) as caught:
        SparseGridAttention(1, split, 0.5 / (split[0] * split[1]))
    least = float(re.search(r'\[(\S+), 1\]', str(caught.value))[1])
    assert SparseGridAttention(1, split, least).num_kept == 1


def test_groups_of_one_token_and_of_two():
    maps = torch.randn(3, 2, 2, 4, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(SparseGridAttention(1, (1, 1), 1)(*maps), maps[2])
    of_two = SparseGridAttention(1, (2, 1), 0.5).double()
    maps = maps.double()
    with torch.no_grad():
        torch.testing.assert_close(of_two(*maps), plain_attention(*maps, of_two))


def test_a_map_that_does_not_divide_is_refused():
    attention = SparseGridAttention(1, (4, 4), 0.5)
    with pytest.raises(ConfigError, match=r'6x4 .*split_size 4x4'):
        attention(*torch.randn(3, 1, 4, 6, 4))


@pytest.mark.parametrize(
    'wrong', ['k of another map', 'k of another batch', 'v of another map']
)
def test_maps_that_do_not_belong_together(wrong):
    """The class: shapes that broadcast, and an attention to keys of other places."""
    attention = SparseGridAttention(2, (2, 2), 0.5)
    q = torch.randn(2, 8, 4, 4)
    k = {'k of another map': q[:, :, :2], 'k of another batch': q[:1]}.get(wrong, q)
    v = q[:, :, :2] if wrong == 'v of another map' else q
    with pytest.raises(ValueError, match='of one batch and size'):
        attention(q, k, v)


def test_channels_that_do_not_divide_by_the_heads():
    x = torch.randn(1, 9, 4, 4)
    with pytest.raises(ConfigError, match='9 channels'):
        SparseGridAttention(2, (2, 2), 0.5)(x, x, x)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_what_keeps_less_in_training_has_the_gradients_of_the_operations(dtype):
    """Tokens of zeros and of equal values are among them."""
    torch.manual_seed(0)
    layer = SparseGridAttention(2, (4, 2), 0.4).to(dtype)
    q, k, v = (torch.randn(3, 8, 8, 6, dtype=dtype) for _ in range(3))
    q[0, :, :4], k[1, :, 2:], k[2] = 0, 0, 0.5
    inputs = [x.requires_grad_() for x in (q, k, v)] + [layer.logit_scale]
    results, kept = [], []
    for training in (True, False):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x
        ):
            y = layer.train(training)(q, k, v)
        results.append([y, *torch.autograd.grad(y.square().sum(), inputs)])
        kept.append(sum(sizes))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    assert kept[0] < kept[1] / 1.5
