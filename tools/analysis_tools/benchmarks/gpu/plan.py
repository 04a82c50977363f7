"""All jobs, the most valuable first, so that a run that is cut off has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.made_features import WIDTH

from .job import Job
from .sizes import Sizes, amp_dtype

NETS = ('plain', 'module', 'fused', 'kernels')
GRAPHS = ('fused, CUDA graph', 'kernels, CUDA graph')
STEPS = ('plain', 'module', 'kernels')
#: The first job, which the parent does itself.
TESTS = 'gpu tests'


def plan_jobs(sizes: Sizes) -> list[Job]:
    """What is run, in this order."""
    amp = str(amp_dtype(sizes)).removeprefix('torch.')
    small, *others = sizes.archs
    large_batch, medium_batch = sizes.forward_batches[0], sizes.forward_batches[-1]
    jobs = [Job(TESTS, 'gpu_tests', '', '', 'suite', estimate=30)]
    jobs += _forward(sizes, small, large_batch, amp, NETS)
    jobs += _forward(sizes, small, 1, amp, (*NETS, *GRAPHS))
    for batch in sizes.train_batches:
        jobs += _train(sizes, small, batch, amp, STEPS)
    jobs += _kernels(sizes, small)
    shape = sizes.ranked
    jobs += [Job('ranking', 'ranking', f'{shape}, on the GPU', 'all', 'rankings:ranking')]
    jobs += _forward(sizes, small, medium_batch, amp, (*NETS, *GRAPHS))
    for arch in others:
        for batch in sizes.forward_batches:
            jobs += _forward(sizes, arch, batch, amp, NETS)
        for batch in sizes.train_batches:
            jobs += _train(sizes, arch, batch, amp, STEPS)
    jobs += _profiles(sizes)
    jobs += _whole_runs(sizes)
    jobs += [
        Job(
            'search',
            'gallery',
            f'{shape.gallery:,} x {WIDTH}, float32: {shape.queries:,} queries, on the GPU',
            'all',
            'rankings:search',
            estimate=20,
        ),
        Job(
            're-ranking',
            'rerank',
            f'{shape}, on the GPU',
            'all',
            'rankings:reranking',
            estimate=20,
        ),
    ]
    compiled = ('fused, compiled', 'kernels, compiled')
    jobs += _forward(sizes, small, large_batch, amp, compiled, estimate=80)
    jobs += _train(sizes, small, sizes.train_batches[0], amp, ('compiled',), estimate=120)
    jobs += _forward(sizes, small, large_batch, 'bfloat16', NETS)
    for arch in sizes.archs:
        for precision in ('TF32', 'float32'):
            for batch in sizes.forward_batches:
                jobs += _forward(sizes, arch, batch, precision, NETS)
    jobs += _forward(sizes, small, 1, amp, compiled, estimate=80)
    for arch in others:
        jobs += _forward(sizes, arch, large_batch, amp, compiled, estimate=100)
    # Tiny sizes coincide.
    first: dict[tuple[str, str, str], Job] = {}
    for job in jobs:
        first.setdefault((job.subject, job.case, job.variant), job)
    return list(first.values())


def _case(sizes: Sizes, arch: str, batch: int, precision: str) -> str:
    """As the other subjects have it."""
    height, width = sizes.image
    end = {'float32': '', 'TF32': ', TF32'}.get(precision, f', amp {precision}')
    return f'msvit_{arch} {height}x{width}, batch {batch}{end}'


def _forward(
    sizes: Sizes,
    arch: str,
    batch: int,
    precision: str,
    variants: tuple[str, ...],
    estimate: float = 4,
) -> Iterator[Job]:
    part = 'compiled' if 'compiled' in variants[0] else 'forward'
    for by in variants:
        arguments = dict(arch=arch, batch=batch, precision=precision, by=by)
        case = _case(sizes, arch, batch, precision)
        yield Job(part, 'forward', case, by, 'nets:forward', arguments, estimate)


def _train(
    sizes: Sizes,
    arch: str,
    batch: int,
    precision: str,
    variants: tuple[str, ...],
    estimate: float = 8,
) -> Iterator[Job]:
    part = 'compiled' if 'compiled' in variants else 'train-step'
    for by in variants:
        arguments = dict(arch=arch, batch=batch, precision=precision, by=by)
        case = _case(sizes, arch, batch, precision)
        yield Job(part, 'train-step', case, by, 'nets:train_step', arguments, estimate)


def _kernels(sizes: Sizes, arch: str) -> Iterator[Job]:
    """Attention of each stage, and convolutions between the stages and in them."""
    height, width = sizes.image
    dims, heads = _stages(sizes, arch)
    attention, convolutions = [], []
    for number, dim in enumerate(dims[:3]):
        size = height >> number + 2, width >> number + 2
        attention.append(dict(channels=dim, heads=heads[number], size=size))
        convolutions.append(dict(channels=4 * dim, size=size, stride=1))
    before = height >> 2, width >> 2
    convolutions.append(dict(channels=4 * dims[1], size=before, stride=2))
    convolutions.append(dict(channels=dims[0], size=before, stride=1))
    dtypes = ('float32',) if sizes.emulated else ('float16', 'float32')
    for dtype in dtypes:
        for facts in attention:
            name = f'attention, {facts["heads"]} heads'
            yield from _kernel(sizes, name, 'kernels:attention', facts, dtype)
        for facts in convolutions:
            name = f'grouped convolution, stride {facts["stride"]}'
            yield from _kernel(sizes, name, 'kernels:convolution', facts, dtype)


def _kernel(
    sizes: Sizes, name: str, function: str, facts: dict[str, Any], dtype: str
) -> Iterator[Job]:
    height, width = facts['size']
    maps = f'{sizes.kernel_batch}x{facts["channels"]}x{height}x{width}'
    case = f'{name}, {maps} {dtype}, with the backward pass'
    for by in ('torch', 'kernel'):
        arguments = {**facts, 'dtype': dtype, 'by': by}
        yield Job('kernels', 'kernels', case, by, function, arguments, 3, reference='torch')


def _stages(sizes: Sizes, arch: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    from msvitreid.models import MSViT

    given = sizes.archs[arch]
    facts = MSViT.arch_zoo[given] if isinstance(given, str) else given
    return facts['dims'], facts['heads']


def _profiles(sizes: Sizes) -> Iterator[Job]:
    for train, batch, variants in (
        (False, sizes.forward_batches[0], ('plain', 'module', 'fused', 'kernels')),
        (True, sizes.train_batches[0], STEPS),
    ):
        case = f'msvit_s {"training step" if train else "forward"}, batch {batch}'
        for by in variants:
            arguments = dict(batch=batch, by=by, train=train)
            yield Job('profile', 'profile', case, by, 'profiling:profiled', arguments, 8)


def _whole_runs(sizes: Sizes) -> Iterator[Job]:
    case = f'{sizes.images:,} images of 128x64, batch {sizes.trained_batch}'
    prepared: dict[str, Any] = {'prepare_on_device': True}
    for variant, options in (('ours', {}), ('prepared on the device', prepared)):
        loaded = dict(options=options)
        what = f'loading of {case}'
        yield Job('loading', 'training', what, variant, 'training:loading', loaded, 20, 'ours')
    kernels: dict[str, Any] = {
        'model.backbone.attention_kernel': 'triton',
        'model.backbone.grouped_conv_kernel': 'triton',
    }
    for variant, options in (('module', {}), ('kernels', kernels)):
        trained = dict(options=options, timeout=240)
        what = f'msvit_s, epochs of {case}'
        yield Job(
            'training', 'training', what, variant, 'training:training', trained, 100, 'module'
        )
