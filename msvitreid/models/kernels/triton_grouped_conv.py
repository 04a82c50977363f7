"""Triton kernels of the 3x3 convolution with four channels a group, padding 1, stride 1 or 2.

Maps are ``(N, C, H, W)`` in channels_last memory, so a group's four channels of a pixel lie
together. Weights are packed as :func:`.grouped_conv.pack_weight` says, ``(3, 3, 4, C)``: for each
tap and each input channel of a group, what it adds to every output channel. Sums are float32.

There are two forms. The direct one loads a group's four numbers at once and does the 36
multiply-adds of an output without tensor cores. The packed one takes ``TILE`` channels as one dense
group, with zeros between the true groups, for tensor cores.

This module imports Triton; import it only where a kernel runs. :mod:`.grouped_conv_launch` says
with which arguments they are called.
"""

# Triton's compile-time constants are written in capitals, and its kernels take no type hints.
# ruff: noqa: N803
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _split4(block):
    """``(T, L, G, 4)`` to four ``(T, L, G)`` in float32; no number moves between threads."""
    even, odd = tl.split(
        tl.reshape(block.to(tl.float32), (block.shape[0], block.shape[1], block.shape[2], 2, 2))
    )
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def _store4(pointers, a0, a1, a2, a3, mask):
    block = tl.join(tl.join(a0, a2), tl.join(a1, a3))
    block = tl.reshape(block, (a0.shape[0], a0.shape[1], a0.shape[2], 4))
    tl.store(pointers, block.to(pointers.dtype.element_ty), mask=mask)


@triton.jit
def _channels(channel_tile, LANES: tl.constexpr, GROUPS: tl.constexpr):
    """A program's channels, ``(1, LANES, GROUPS, 4)``: once for every thread.

    So each thread itself loads the weights that it needs, once for all its pixels.
    """
    group = channel_tile * GROUPS + tl.arange(0, GROUPS)
    channel = group[:, None] * 4 + tl.arange(0, 4)[None, :]
    return tl.broadcast_to(channel[None, None], (1, LANES, GROUPS, 4))


@triton.jit
def _pixels(tile, PIXELS: tl.constexpr, LANES: tl.constexpr):
    """A program's pixels, ``(PIXELS, LANES)``: a column is one thread's."""
    of_a_thread = (tile * PIXELS + tl.arange(0, PIXELS)) * LANES
    return of_a_thread[:, None] + tl.arange(0, LANES)[None, :]


@triton.jit
def _first_tap(
    pixel, height, width, out_height, out_width, CHANNELS: tl.constexpr, STRIDE: tl.constexpr
):
    """Row, column and place in memory of the first tap of pixels of a batch.

    An image's numbers can be counted in 32 bits, a batch's cannot.
    """
    row = pixel // out_width % out_height * STRIDE - 1
    column = pixel % out_width * STRIDE - 1
    image = (pixel // out_width // out_height).to(tl.int64)
    return row, column, ((image * height + row) * width + column) * CHANNELS


@triton.jit
def _tap_is_inside(first, tap: tl.constexpr, size):
    """Where a tap lies in the map along an axis; ``first`` is where the first one lies.

    The middle one always does.
    """
    if tap == 0:
        return first >= 0
    if tap == 1:
        return first == first
    return first + 2 < size


@triton.jit
def _add_tap(a0, a1, a2, a3, x_pointers, inside, weight_pointers, CHANNELS: tl.constexpr):
    """Add one tap's 16 products of every pixel and group."""
    x0, x1, x2, x3 = _split4(tl.load(x_pointers, mask=inside, other=0.0))
    w0, w1, w2, w3 = _split4(tl.load(weight_pointers))
    a0, a1, a2, a3 = a0 + x0 * w0, a1 + x0 * w1, a2 + x0 * w2, a3 + x0 * w3
    w0, w1, w2, w3 = _split4(tl.load(weight_pointers + CHANNELS))
    a0, a1, a2, a3 = a0 + x1 * w0, a1 + x1 * w1, a2 + x1 * w2, a3 + x1 * w3
    w0, w1, w2, w3 = _split4(tl.load(weight_pointers + 2 * CHANNELS))
    a0, a1, a2, a3 = a0 + x2 * w0, a1 + x2 * w1, a2 + x2 * w2, a3 + x2 * w3
    w0, w1, w2, w3 = _split4(tl.load(weight_pointers + 3 * CHANNELS))
    a0, a1, a2, a3 = a0 + x3 * w0, a1 + x3 * w1, a2 + x3 * w2, a3 + x3 * w3
    return a0, a1, a2, a3


@triton.jit
def direct_convolution(
    x_ptr,
    weight_ptr,
    shift_ptr,
    out_ptr,
    height,
    width,
    out_height,
    out_width,
    pixels,
    CHANNELS: tl.constexpr,
    STRIDE: tl.constexpr,
    HAS_SHIFT: tl.constexpr,
    RELU: tl.constexpr,
    PIXELS: tl.constexpr,
    GROUPS: tl.constexpr,
    LANES: tl.constexpr,
):
    """A tile of pixels and groups, without tensor cores."""
    channel_tiles: tl.constexpr = CHANNELS // (4 * GROUPS)
    program = tl.program_id(0)
    channel_tile = program % channel_tiles
    channel = _channels(channel_tile, LANES, GROUPS)
    pixel = _pixels(program // channel_tiles, PIXELS, LANES)
    exists = pixel < pixels
    row, column, first_tap = _first_tap(
        pixel, height, width, out_height, out_width, CHANNELS, STRIDE
    )

    a0 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a1 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a2 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a3 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    for i in tl.static_range(3):
        for j in tl.static_range(3):
            inside = exists & _tap_is_inside(row, i, height) & _tap_is_inside(column, j, width)
            a0, a1, a2, a3 = _add_tap(
                a0,
                a1,
                a2,
                a3,
                x_ptr + first_tap[:, :, None, None] + channel + (i * width + j) * CHANNELS,
                inside[:, :, None, None],
                weight_ptr + (i * 3 + j) * 4 * CHANNELS + channel,
                CHANNELS,
            )
    if HAS_SHIFT:
        s0, s1, s2, s3 = _split4(tl.load(shift_ptr + channel))
        a0, a1, a2, a3 = a0 + s0, a1 + s1, a2 + s2, a3 + s3
    if RELU:
        a0, a1 = tl.where(a0 < 0, 0.0, a0), tl.where(a1 < 0, 0.0, a1)
        a2, a3 = tl.where(a2 < 0, 0.0, a2), tl.where(a3 < 0, 0.0, a3)
    pointers = out_ptr + (pixel.to(tl.int64) * CHANNELS)[:, :, None, None] + channel
    _store4(pointers, a0, a1, a2, a3, exists[:, :, None, None])


@triton.jit
def _dot(a, b, total, WIDEN: tl.constexpr):
    """``total + a @ b``, of float32 without rounding to TF32."""
    if WIDEN:
        # The interpreter multiplies the bits of bfloat16 as whole numbers.
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision='ieee')


@triton.jit
def _block_diagonal(weight_ptr, first, CHANNELS: tl.constexpr, TILE: tl.constexpr):
    """One tap's weights of ``TILE`` channels from ``first`` on, input by output channels."""
    source, target = tl.arange(0, TILE)[:, None], tl.arange(0, TILE)[None, :]
    mask = (source // 4 == target // 4) & (first + target < CHANNELS)
    return tl.load(weight_ptr + source % 4 * CHANNELS + first + target, mask=mask, other=0.0)


@triton.jit
def packed_convolution(
    x_ptr,
    weight_ptr,
    shift_ptr,
    out_ptr,
    height,
    width,
    out_height,
    out_width,
    pixels,
    CHANNELS: tl.constexpr,
    STRIDE: tl.constexpr,
    HAS_SHIFT: tl.constexpr,
    RELU: tl.constexpr,
    PIXELS: tl.constexpr,
    TILE: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """A tile of pixels and channels, with tensor cores."""
    channel_tiles: tl.constexpr = (CHANNELS + TILE - 1) // TILE
    program = tl.program_id(0)
    first = program % channel_tiles * TILE
    channel = (first + tl.arange(0, TILE))[None, :]
    pixel = (program // channel_tiles * PIXELS + tl.arange(0, PIXELS))[:, None]
    exists = (pixel < pixels) & (channel < CHANNELS)
    row, column, first_tap = _first_tap(
        pixel, height, width, out_height, out_width, CHANNELS, STRIDE
    )
    pointers = x_ptr + first_tap + channel

    total = tl.zeros((PIXELS, TILE), dtype=tl.float32)
    for i in tl.static_range(3):
        for j in tl.static_range(3):
            inside = exists & _tap_is_inside(row, i, height) & _tap_is_inside(column, j, width)
            block = tl.load(pointers + (i * width + j) * CHANNELS, mask=inside, other=0.0)
            tap = weight_ptr + (i * 3 + j) * 4 * CHANNELS
            total = _dot(block, _block_diagonal(tap, first, CHANNELS, TILE), total, WIDEN)
    if HAS_SHIFT:
        total += tl.load(shift_ptr + channel, mask=channel < CHANNELS, other=0.0)
    if RELU:
        total = tl.where(total < 0, 0.0, total)
    pointers = out_ptr + pixel.to(tl.int64) * CHANNELS + channel
    tl.store(pointers, total.to(out_ptr.dtype.element_ty), mask=exists)


@triton.jit
def stride_2_input_gradient(
    gradient_ptr,
    weight_ptr,
    out_ptr,
    height,
    width,
    pixels,
    CHANNELS: tl.constexpr,
    PIXELS: tl.constexpr,
    GROUPS: tl.constexpr,
    LANES: tl.constexpr,
):
    """A tile of pixels of rows and columns that are all even or all odd, and groups."""
    channel_tiles: tl.constexpr = CHANNELS // (4 * GROUPS)
    program = tl.program_id(0)
    channel_tile = program % channel_tiles
    row_odd, column_odd = program // channel_tiles % 2, program // channel_tiles // 2 % 2
    channel = _channels(channel_tile, LANES, GROUPS)
    # Of the convolution's output, whose gradient is read.
    rows, columns = (height + 1) // 2, (width + 1) // 2
    pixel = _pixels(program // channel_tiles // 4, PIXELS, LANES)
    row, column = pixel // columns % rows, pixel % columns
    image = (pixel // columns // rows).to(tl.int64)
    out_row, out_column = 2 * row + row_odd, 2 * column + column_odd
    exists = (pixel < pixels) & (out_row < height) & (out_column < width)
    first_tap = (pixel + row_odd * columns + column_odd).to(tl.int64) * CHANNELS
    gradient_ptr += first_tap[:, :, None, None] + channel

    a0 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a1 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a2 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    a3 = tl.zeros((PIXELS, LANES, GROUPS), dtype=tl.float32)
    # An even row takes part by the middle tap of its own output row, an odd one by the first tap
    # of the output row after it and the last tap of the one before it.
    for i in range(1 + row_odd):
        for j in range(1 + column_odd):
            y, x = row + row_odd - i, column + column_odd - j
            inside = exists & (y < rows) & (x < columns)
            tap = (1 - row_odd + 2 * i) * 3 + 1 - column_odd + 2 * j
            a0, a1, a2, a3 = _add_tap(
                a0,
                a1,
                a2,
                a3,
                gradient_ptr - (i * columns + j) * CHANNELS,
                inside[:, :, None, None],
                weight_ptr + tap * 4 * CHANNELS + channel,
                CHANNELS,
            )
    offsets = ((image * height + out_row) * width + out_column) * CHANNELS
    pointers = out_ptr + offsets[:, :, None, None] + channel
    _store4(pointers, a0, a1, a2, a3, exists[:, :, None, None])


@triton.jit
def _add_row(
    t0,
    t1,
    t2,
    gradient,
    x_pointers,
    column,
    inside,
    width,
    CHANNELS: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """Add ``gradient @ x`` of a row of taps, output by input channels."""
    mask = inside & (column >= 0)
    t0 = _dot(gradient, tl.load(x_pointers, mask=mask, other=0.0), t0, WIDEN)
    x_pointers += CHANNELS
    # The middle tap's column is always in the map.
    t1 = _dot(gradient, tl.load(x_pointers, mask=inside, other=0.0), t1, WIDEN)
    x_pointers += CHANNELS
    mask = inside & (column + 2 < width)
    t2 = _dot(gradient, tl.load(x_pointers, mask=mask, other=0.0), t2, WIDEN)
    return t0, t1, t2


@triton.jit
def _store_row(out_ptr, t0, t1, t2, first, CHANNELS: tl.constexpr, TILE: tl.constexpr):
    """Store what lies in true groups."""
    target, source = tl.arange(0, TILE)[:, None], tl.arange(0, TILE)[None, :]
    mask = (source // 4 == target // 4) & (first + target < CHANNELS)
    pointers = out_ptr + source % 4 * CHANNELS + first + target
    tl.store(pointers, t0, mask=mask)
    tl.store(pointers + 4 * CHANNELS, t1, mask=mask)
    tl.store(pointers + 8 * CHANNELS, t2, mask=mask)


@triton.jit
def weight_gradient(
    x_ptr,
    gradient_ptr,
    out_ptr,
    height,
    width,
    out_height,
    out_width,
    pixels,
    pixels_a_part,
    CHANNELS: tl.constexpr,
    STRIDE: tl.constexpr,
    PIXELS: tl.constexpr,
    TILE: tl.constexpr,
    WIDEN: tl.constexpr,
):
    """The sum over a part of the pixels, of a tile of channels."""
    channel_tiles: tl.constexpr = (CHANNELS + TILE - 1) // TILE
    program = tl.program_id(0)
    first = program % channel_tiles * TILE
    part = program // channel_tiles
    channel = (first + tl.arange(0, TILE))[None, :]
    start = part * pixels_a_part
    end = tl.minimum(start + pixels_a_part, pixels)

    t00 = tl.zeros((TILE, TILE), dtype=tl.float32)
    t01, t02, t10, t11, t12, t20, t21, t22 = t00, t00, t00, t00, t00, t00, t00, t00
    for begin in range(start, end, PIXELS):
        pixel = (begin + tl.arange(0, PIXELS))[:, None]
        exists = (pixel < end) & (channel < CHANNELS)
        row, column, first_tap = _first_tap(
            pixel, height, width, out_height, out_width, CHANNELS, STRIDE
        )
        offsets = pixel.to(tl.int64) * CHANNELS + channel
        gradient = tl.trans(tl.load(gradient_ptr + offsets, mask=exists, other=0.0))
        pointers = x_ptr + first_tap + channel
        inside = exists & (row >= 0)
        t00, t01, t02 = _add_row(
            t00, t01, t02, gradient, pointers, column, inside, width, CHANNELS, WIDEN
        )
        pointers += width * CHANNELS
        t10, t11, t12 = _add_row(
            t10, t11, t12, gradient, pointers, column, exists, width, CHANNELS, WIDEN
        )
        pointers += width * CHANNELS
        inside = exists & (row + 2 < height)
        t20, t21, t22 = _add_row(
            t20, t21, t22, gradient, pointers, column, inside, width, CHANNELS, WIDEN
        )
    out_ptr += part * 36 * CHANNELS
    _store_row(out_ptr, t00, t01, t02, first, CHANNELS, TILE)
    _store_row(out_ptr + 12 * CHANNELS, t10, t11, t12, first, CHANNELS, TILE)
    _store_row(out_ptr + 24 * CHANNELS, t20, t21, t22, first, CHANNELS, TILE)
