"""What a run's start says of its net: size, what stays frozen, the losses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import nn

#: Names that a line lists; of more it says "...".
MOST_NAMES = 3


def title(model: nn.Module) -> str:
    """Types of the net and its parts, and the number of parameters."""
    parts = [model.get_submodule(n) for n in ('backbone', 'neck', 'head') if has(model, n)]
    names = ', '.join(type(part).__name__ for part in parts)
    return (
        type(model).__name__
        + (f' ({names})' if names else '')
        + f': {_count(model):,} parameters'
    )


def trained_title(model: nn.Module) -> str:
    """:func:`title` and how many of them are trained, with the modules of those that are not."""
    trained = _count(model, trained_only=True)
    text = f'{title(model)}, {trained:,} trained, {_count(model) - trained:,} frozen'
    frozen = list(_frozen_modules(model))
    return f'{text} ({_listed(frozen)})' if frozen else text


def untrained_start(model: nn.Module) -> str:
    """What a backbone from scratch never trains, with the option that would; else nothing."""
    frozen = [name for name in _frozen_modules(model) if name.startswith('backbone.')]
    if not frozen:
        return ''
    stages = getattr(model.backbone, 'frozen_stages', None)
    remedy = ': model.backbone.frozen_stages=-1 trains all'
    known = isinstance(stages, int) and stages >= 0
    return f'{_listed(frozen)} frozen as initialized' + remedy * known


def losses(model: nn.Module) -> str:
    """Kinds of the head's losses, on how many vectors each is, and weights other than 1."""
    return ', '.join(_losses(model.get_submodule('head'))) if has(model, 'head') else ''


def has(module: nn.Module, name: str) -> bool:
    """Whether a module has one of this name inside."""
    return isinstance(getattr(module, name, None), nn.Module)


def _losses(head: nn.Module) -> Iterator[str]:
    unit = ' vectors'
    for name, child in head.named_children():
        if not name.startswith('loss'):
            continue
        kind = name.partition('_')[2]
        repeated = getattr(head, 'classifiers', None) if kind == 'cls' else child
        count = len(repeated) if isinstance(repeated, nn.ModuleList) else None
        parts = list(child) if isinstance(child, nn.ModuleList) else [child]
        if not parts:
            continue
        text = _loss_name(parts[0])
        if count is not None and hasattr(head, 'num_vectors'):
            text += f' on {count}{unit}' if count > 1 else f' on {count}{unit.rstrip("s")}'
            unit = ''
        elif len(parts) > 1:
            text += f' x {len(parts)}'
        weight = getattr(head, f'{kind}_weight', 1)
        yield text + (f', weight {weight:g}' if weight != 1 else '')


def _loss_name(loss: nn.Module) -> str:
    """An adapter's is that of the loss inside it."""
    return type(loss.loss if has(loss, 'loss') else loss).__name__


def _count(model: nn.Module, trained_only: bool = False) -> int:
    return sum(w.numel() for w in model.parameters() if w.requires_grad or not trained_only)


def _frozen_modules(model: nn.Module) -> Iterable[str]:
    """The first two parts of the names of what is frozen, such as ``backbone.stem``."""
    names = (name for name, weight in model.named_parameters() if not weight.requires_grad)
    return dict.fromkeys('.'.join(name.split('.')[:2]) for name in names)


def _listed(names: list[str]) -> str:
    return ', '.join([*names[:MOST_NAMES], *['...'] * (len(names) > MOST_NAMES)])
