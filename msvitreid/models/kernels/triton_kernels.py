# mypy: disable-error-code="no-untyped-def"
"""Sparse grid attention in Triton: what one program computes of one group of one head.

Imported only where a kernel is launched: it needs Triton. Names in lower case without a type are
pointers and numbers, those of type ``tl.constexpr`` are compiled in. Strides are in elements, in
the order image, channel, row, column.
"""

# Not ``from __future__ import annotations``: Triton 3.1 does not read annotations that are text.
import triton
import triton.language as tl


# fmt: off
@triton.jit
def _tokens(
    heads, groups_h, groups_w,
    split_h: tl.constexpr, split_w: tl.constexpr, padded_tokens: tl.constexpr,
):
    """Image and head of this program; row and column of each token, and whether it is one."""
    program = tl.program_id(0)
    head = program % heads
    group = program // heads % (groups_h * groups_w)
    image = (program // heads // (groups_h * groups_w)).to(tl.int64)
    token = tl.arange(0, padded_tokens)
    row = group // groups_w + token // split_w * groups_h
    column = group % groups_w + token % split_w * groups_w
    return image, head, row, column, token < split_h * split_w


@triton.jit
def _load(
    source, stride_b, stride_c, stride_h, stride_w,
    image, head, row, column, valid, dims: tl.constexpr, padded_dims: tl.constexpr,
):
    """``(padded_tokens, padded_dims)`` of a map, with zeros where it has none."""
    channel = tl.arange(0, padded_dims)
    start = source + image * stride_b + head * dims * stride_c
    offsets = (row * stride_h + column * stride_w)[:, None] + (channel * stride_c)[None, :]
    return tl.load(start + offsets, mask=valid[:, None] & (channel < dims)[None, :], other=0.0)


@triton.jit
def _store(
    target, numbers, heads, height, width,
    image, head, row, column, valid, dims: tl.constexpr, padded_dims: tl.constexpr,
):
    """Write them into a map that is contiguous in channels_last memory."""
    channel = tl.arange(0, padded_dims)
    start = target + image * height * width * heads * dims + head * dims
    offsets = ((row * width + column) * heads * dims)[:, None] + channel[None, :]
    mask = valid[:, None] & (channel < dims)[None, :]
    tl.store(start + offsets, numbers.to(target.dtype.element_ty), mask=mask)
# fmt: on


@triton.jit
def _unit(rows):
    """Rows of length 1 in float32, and their lengths, which count as 1e-12 at least."""
    rows = rows.to(tl.float32)
    length = tl.sqrt(tl.sum(rows * rows, 1))
    return rows / tl.maximum(length, 1e-12)[:, None], length


@triton.jit
def _unit_gradient(gradient, unit, length):
    """The gradient of the rows that :func:`_unit` was given."""
    along = tl.where(length >= 1e-12, tl.sum(gradient * unit, 1), 0.0)
    return (gradient - along[:, None] * unit) / tl.maximum(length, 1e-12)[:, None]


@triton.jit
def _scale(logit_scale, head, largest: tl.constexpr):
    """The cosines' scale; NaN stays NaN."""
    log = tl.load(logit_scale + head).to(tl.float32)
    return tl.exp(tl.where(log > largest, largest, log)), log <= largest


@triton.jit
def _kept(logits, present, num_kept: tl.constexpr):
    """The ``num_kept`` largest of each row, of equal ones the first.

    Integers in the order of the logits are compared, so that the threshold, the largest integer
    that enough of the row reach, is found exactly: bit by bit, the highest first.
    """
    keys = logits.to(tl.int32, bitcast=True)
    keys = tl.where(keys < 0, keys ^ 0x7FFFFFFF, keys)
    keys = tl.where(keys == -1, 0, keys)  # -0.0 equals 0.0
    # NaN is kept, so that it is seen in the result. What pads a row is less than any logit.
    keys = tl.where(logits != logits, 0x7FFFFFFF, keys)
    keys = tl.where(present, keys, -0x80000000)
    enough = tl.sum((keys >= 0).to(tl.int32), 1) >= num_kept
    threshold = tl.where(enough, 0, -0x80000000)
    for i in range(31):
        higher = threshold + (1 << (30 - i))
        enough = tl.sum((keys >= higher[:, None]).to(tl.int32), 1) >= num_kept
        threshold = tl.where(enough, higher, threshold)
    above = keys > threshold[:, None]
    equal = keys == threshold[:, None]
    missing = num_kept - tl.sum(above.to(tl.int32), 1)
    return above | (equal & (tl.cumsum(equal.to(tl.int32), 1) <= missing[:, None]))


@triton.jit
def _shares(queries, keys, valid, num_tokens: tl.constexpr, num_kept: tl.constexpr):
    """Logits of unit keys and scaled unit queries, and the softmax of those that are kept."""
    logits = tl.dot(queries, tl.trans(keys), input_precision='ieee')
    peak = tl.max(tl.where(valid[None, :], logits, float('-inf')), 1)
    kept = valid[None, :]
    if num_kept < num_tokens:
        kept = _kept(logits, kept, num_kept)
    weights = tl.where(kept, tl.exp(logits - peak[:, None]), 0.0)
    return logits, weights / tl.sum(weights, 1)[:, None]


@triton.jit
def _product(left, right, wide: tl.constexpr):
    """Summed in float32, of numbers of the type of ``right``."""
    left = left.to(right.dtype)
    if wide:  # Triton's interpreter has no product of bfloat16.
        left = left.to(tl.float32)
        right = right.to(tl.float32)
    return tl.dot(left, right, input_precision='ieee')


# fmt: off
@triton.jit
def forward(
    q, k, v, logit_scale, add, output,
    q_b, q_c, q_h, q_w, k_b, k_c, k_h, k_w, v_b, v_c, v_h, v_w, add_b, add_c, add_h, add_w,
    heads, groups_h, groups_w, split_h: tl.constexpr, split_w: tl.constexpr,
    padded_tokens: tl.constexpr, num_kept: tl.constexpr,
    dims: tl.constexpr, padded_dims: tl.constexpr,
    v_dims: tl.constexpr, padded_v_dims: tl.constexpr,
    largest_scale: tl.constexpr, wide: tl.constexpr, has_add: tl.constexpr, relu: tl.constexpr,
):
    """``relu(attention(q, k, v) + add)`` of one group of one head."""
    image, head, row, column, valid = _tokens(
        heads, groups_h, groups_w, split_h, split_w, padded_tokens)
    queries = _load(
        q, q_b, q_c, q_h, q_w, image, head, row, column, valid, dims, padded_dims)
    keys = _load(
        k, k_b, k_c, k_h, k_w, image, head, row, column, valid, dims, padded_dims)
    values = _load(
        v, v_b, v_c, v_h, v_w, image, head, row, column, valid, v_dims, padded_v_dims)
    scale, _ = _scale(logit_scale, head, largest_scale)
    queries, _ = _unit(queries)
    keys, _ = _unit(keys)
    _, shares = _shares(queries * scale, keys, valid, split_h * split_w, num_kept)
    result = _product(shares, values, wide)
    if has_add:
        local = _load(
            add, add_b, add_c, add_h, add_w,
            image, head, row, column, valid, v_dims, padded_v_dims)
        result += local.to(tl.float32)
    if relu:
        result = tl.where(result <= 0.0, 0.0, result)
    _store(
        output, result, heads, groups_h * split_h, groups_w * split_w,
        image, head, row, column, valid, v_dims, padded_v_dims)


@triton.jit
def backward(
    q, k, v, logit_scale, output, gradient, grad_q, grad_k, grad_v, grad_logit_scale, grad_add,
    q_b, q_c, q_h, q_w, k_b, k_c, k_h, k_w, v_b, v_c, v_h, v_w,
    output_b, output_c, output_h, output_w,
    gradient_b, gradient_c, gradient_h, gradient_w,
    heads, groups_h, groups_w, split_h: tl.constexpr, split_w: tl.constexpr,
    padded_tokens: tl.constexpr, num_kept: tl.constexpr,
    dims: tl.constexpr, padded_dims: tl.constexpr,
    v_dims: tl.constexpr, padded_v_dims: tl.constexpr,
    largest_scale: tl.constexpr, wide: tl.constexpr, has_add: tl.constexpr, relu: tl.constexpr,
):
    """The gradients of one group of one head, from its inputs and the output's gradient.

    ``grad_logit_scale`` has a number for each program. ``grad_add`` is written only where it
    differs from ``gradient``.
    """
    image, head, row, column, valid = _tokens(
        heads, groups_h, groups_w, split_h, split_w, padded_tokens)
    height, width = groups_h * split_h, groups_w * split_w
    grad = _load(
        gradient, gradient_b, gradient_c, gradient_h, gradient_w,
        image, head, row, column, valid, v_dims, padded_v_dims).to(tl.float32)
    if relu:
        result = _load(
            output, output_b, output_c, output_h, output_w,
            image, head, row, column, valid, v_dims, padded_v_dims)
        grad = tl.where(result.to(tl.float32) <= 0.0, 0.0, grad)
        if has_add:
            _store(
                grad_add, grad, heads, height, width,
                image, head, row, column, valid, v_dims, padded_v_dims)
    queries = _load(
        q, q_b, q_c, q_h, q_w, image, head, row, column, valid, dims, padded_dims)
    keys = _load(
        k, k_b, k_c, k_h, k_w, image, head, row, column, valid, dims, padded_dims)
    values = _load(
        v, v_b, v_c, v_h, v_w, image, head, row, column, valid, v_dims, padded_v_dims)
    scale, trained = _scale(logit_scale, head, largest_scale)
    queries, query_length = _unit(queries)
    keys, key_length = _unit(keys)
    logits, shares = _shares(queries * scale, keys, valid, split_h * split_w, num_kept)

    grad = grad.to(values.dtype)
    of_values = _product(tl.trans(shares), grad, wide)
    _store(
        grad_v, of_values, heads, height, width,
        image, head, row, column, valid, v_dims, padded_v_dims)
    of_shares = _product(grad, tl.trans(values), wide)
    # What was left out has a share of zero, and so no gradient.
    of_logits = shares * (of_shares - tl.sum(shares * of_shares, 1)[:, None])
    of_scale = tl.sum(tl.sum(of_logits * logits, 1), 0)
    tl.store(grad_logit_scale + tl.program_id(0), tl.where(trained, of_scale, 0.0))
    of_cosines = of_logits * scale
    of_queries = tl.dot(of_cosines, keys, input_precision='ieee')
    _store(
        grad_q, _unit_gradient(of_queries, queries, query_length), heads, height, width,
        image, head, row, column, valid, dims, padded_dims)
    of_keys = tl.dot(tl.trans(of_cosines), queries, input_precision='ieee')
    _store(
        grad_k, _unit_gradient(of_keys, keys, key_length), heads, height, width,
        image, head, row, column, valid, dims, padded_dims)
# fmt: on
