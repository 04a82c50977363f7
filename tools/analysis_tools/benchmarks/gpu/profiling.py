"""Where a device's time goes, kind of operation by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.device import Setting
from benchmarks.nets import images
from benchmarks.profile import KINDS, OTHER, draw, kind_of
from benchmarks.results import Result

from .job import Job
from .nets import forward_call, step_call
from .sizes import Sizes, amp_dtype
from .timed import setting_of

#: Of operations on a device; the first that fits counts.
DEVICE_KINDS = {
    'attention by a kernel': ('triton_attention',),
    'optimizer and scaling of gradients': ('_foreach', '_fused_', '_amp_'),
    **KINDS,
}
DEVICE_KINDS['selection and softmax'] += ('sort', 'gather')
CALLS = 3
#: Between a case and its kind of operation.
DEVICE_TIME = ', device time, '


def profiled(sizes: Sizes, job: Job, batch: int, by: str, train: bool) -> list[Result]:
    """Of a forward pass or a training step of the small net, one row a kind."""
    setting = setting_of(sizes, str(amp_dtype(sizes)).removeprefix('torch.'))
    if train:
        call: Callable[[], object] = step_call(sizes, setting, 's', by, batch)
    else:
        pictures = images(batch, sizes.device, sizes.image)
        call = forward_call(sizes, setting, 's', by, pictures)
    turns = device_seconds(call, setting, 1 if sizes.emulated else CALLS)
    return [
        Result(
            job.subject,
            f'{job.case}{DEVICE_TIME}{kind}',
            job.variant,
            tuple(t[kind] for t in turns),
        )
        for kind in (*DEVICE_KINDS, OTHER)
    ]


def device_seconds(
    call: Callable[[], object], setting: Setting, calls: int
) -> list[Counter[str]]:
    """Seconds of the device in each kind of operation, call by call."""
    on_device = setting.device.type == 'cuda'
    activities = [ProfilerActivity.CPU]
    activities += [ProfilerActivity.CUDA] if on_device else []
    for _ in range(calls):
        call()
    turns = []
    for _ in range(calls):
        setting.wait()
        with profile(activities=activities) as recorded:
            call()
            setting.wait()
        total: Counter[str] = Counter()
        kernels = 0.0
        for event in recorded.key_averages():
            if getattr(event, 'is_user_annotation', False):
                continue
            if event.device_type == DeviceType.CPU:
                # Of an operation, the kernels that it has started itself.
                took = event.self_device_time_total if on_device else event.self_cpu_time_total
                total[kind_of(event.key, DEVICE_KINDS)] += took / 1e6
            else:
                kernels += event.self_device_time_total / 1e6
        # Kernels that no operation has, as those of a graph.
        total[OTHER] += max(0.0, kernels - total.total()) if on_device else 0
        turns.append(total)
    return turns


def draw_profile(results: Sequence[Result], path: Path) -> None:
    """One bar for each variant of each case that has been profiled."""
    shares: dict[str, dict[str, tuple[float, ...]]] = {}
    for result in results:
        case, _, kind = result.case.partition(DEVICE_TIME)
        bar = case.partition(' ')[2] + '\n' + result.variant
        if result.seconds:
            shares.setdefault(bar, {})[kind] = result.seconds
    draw(shares, path, 'seconds of the device', height=1.5 + 0.5 * len(shares))
