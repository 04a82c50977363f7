from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from msvitreid.errors import ConfigError

#: Modules that are not called themselves.
CONTAINERS = (nn.ModuleList, nn.ModuleDict)


class Complexity(NamedTuple):
    """What a part of a net costs.

    Attributes:
        name: of the module, dotted; ``'X, the rest'`` is what ``X`` has in addition to its rows.
        parameters: trained and frozen ones; one that modules share counts once.
        macs: multiply-accumulate operations of one pass of one image.
    """

    name: str
    parameters: int
    macs: int


def count_complexity(model: nn.Module, image_size: tuple[int, int]) -> list[Complexity]:
    """Parameters and multiply-accumulates of a net, part by part.

    A part is a child of the net, a child of its backbone, or an item of a list of modules
    there; one with neither parameters nor operations is left out. Counted are convolutions and
    matrix products, hence both products of an attention; not normalization, activation,
    softmax, selection and pooling. What is not run for features, such as the classifiers of a
    re-identification net, has parameters only.

    The net runs once, on the CPU and in evaluation mode, and stays in both.

    Args:
        model: called with images and ``mode='tensor'``, as mmengine's are.
        image_size: height and width, pixels.

    Raises:
        ConfigError: the net does not run on an image of this size.
    """
    called = _count_macs(model.cpu().eval(), image_size)
    rows = ['', *_rows(model)]
    macs = {row: _macs_inside(model.get_submodule(row), row, called) for row in rows}
    for row in rows[1:]:
        macs[_row_above(row, rows)] -= macs[row]
    parameters = dict.fromkeys(rows, 0)
    for name, weight in model.named_parameters():
        parameters[_row_above(name, rows)] += weight.numel()
    parts = [Complexity(_title(row, rows), parameters[row], macs[row]) for row in rows]
    return [part for part in parts if part.parameters or part.macs]


class LayerBytes(NamedTuple):
    """What a layer reads and writes at least, bytes.

    Attributes:
        name: of the module, dotted.
        read: its inputs.
        weights: its parameters.
        written: its output.
    """

    name: str
    read: int
    weights: int
    written: int

    @property
    def total(self) -> int:
        return self.read + self.weights + self.written


def least_bytes(
    model: nn.Module,
    image_size: tuple[int, int],
    batch_size: int = 1,
    element_size: int = 2,
) -> list[LayerBytes]:
    """The bytes that each convolution, linear layer and attention has to move in one pass.

    Inputs, weights and output count once each, as if nothing stayed in caches between layers and
    everything in them within a layer. Divided by a device's bandwidth they are the least time of
    the layer. Normalization, activation and additions count nothing: they can be done in the
    passes of the others. A layer that is called more than once has the sum in its row.

    The net runs once on one image, on the CPU and in evaluation mode, and stays in both.

    Args:
        model: called with images and ``mode='tensor'``, as mmengine's are.
        image_size: height and width, pixels.
        batch_size: images that go through together, sharing the weights.
        element_size: bytes of a number: 2 of half precision, 4 of float32.

    Returns:
        a row for each layer that was called, in the order of the model's modules.

    Raises:
        ConfigError: the net does not run on an image of this size.
    """
    names = {layer: name for name, layer in model.named_modules() if _moves_maps(layer)}
    moved = {layer: [0, 0, 0] for layer in names}

    def count(layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        own = (*layer.parameters(recurse=False), *layer.buffers(recurse=False))
        for place, tensors in enumerate((inputs, own, (output,))):
            numbers = sum(x.numel() for x in tensors if isinstance(x, Tensor))
            images = 1 if tensors is own else batch_size
            moved[layer][place] += numbers * images * element_size

    hooks = [layer.register_forward_hook(count) for layer in names]
    try:
        _run_once(model.cpu().eval(), image_size)
    finally:
        for hook in hooks:
            hook.remove()
    return [LayerBytes(names[layer], *row) for layer, row in moved.items() if any(row)]


def _moves_maps(layer: nn.Module) -> bool:
    """Whether it is a convolution, a linear layer or an attention, fused ones included.

    Normalization and activations with weights have one for each channel.
    """
    weight = getattr(layer, 'weight', None)
    if isinstance(weight, Tensor):
        return weight.dim() > 1
    is_leaf = not any(True for _ in layer.children())
    return is_leaf and any(True for _ in layer.parameters())


def total_complexity(parts: Sequence[Complexity]) -> Complexity:
    """The sum of all parts."""
    return Complexity(
        'total', sum(part.parameters for part in parts), sum(part.macs for part in parts)
    )


def _count_macs(model: nn.Module, image_size: tuple[int, int]) -> dict[str, int]:
    """Operations inside every module that was called, by its name."""
    counter = FlopCounterMode(display=False)
    with counter:
        _run_once(model, image_size)
    root = type(model).__name__
    return {
        # A multiplication and an addition are two operations to the counter.
        name.removeprefix(root).removeprefix('.'): sum(counts.values()) // 2
        for name, counts in counter.get_flop_counts().items()
    }


def _run_once(model: nn.Module, image_size: tuple[int, int]) -> None:
    images = torch.zeros(1, 3, *image_size)
    with _unfused_attention(), torch.no_grad():
        try:
            model(images, mode='tensor')
        except (AssertionError, RuntimeError) as error:
            reason = str(error).partition('\n')[0]
            height, width = image_size
            raise ConfigError(
                f'{type(model).__name__} does not run on a {height}x{width} image ({reason}); '
                'give another size'
            ) from error


@contextmanager
def _unfused_attention() -> Iterator[None]:
    """Have torch compute attention by products that the counter knows."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _rows(model: nn.Module) -> Iterator[str]:
    for name, child in model.named_children():
        yield name
        if name == 'backbone':
            yield from _backbone_rows(child, name)


def _backbone_rows(module: nn.Module, prefix: str) -> Iterator[str]:
    children = dict(module.named_children())
    for name, child in children.items():
        path = f'{prefix}.{name}'
        if isinstance(child, CONTAINERS):
            yield from _backbone_rows(child, path)
            continue
        yield path
        # A wrapper around a net of another library.
        if len(children) == 1 and not isinstance(module, CONTAINERS):
            yield from _backbone_rows(child, path)


def _macs_inside(module: nn.Module, name: str, called: Mapping[str, int]) -> int:
    """Operations of a module and all in it.

    Some nets call a part of a stage from outside the stage, so its own count may lack that.
    """
    children = module.named_children()
    inside = sum(_macs_inside(child, _join(name, key), called) for key, child in children)
    return max(called.get(name, 0), inside)


def _row_above(name: str, rows: Sequence[str]) -> str:
    """The nearest row that a row or a weight is in."""
    above = name.rpartition('.')[0]
    return above if above in rows else _row_above(above, rows)


def _title(row: str, rows: Sequence[str]) -> str:
    if not row:
        return 'the rest'
    opened = any(other.startswith(f'{row}.') for other in rows)
    return f'{row}, the rest' if opened else row


def _join(prefix: str, name: str) -> str:
    return f'{prefix}.{name}' if prefix else name
