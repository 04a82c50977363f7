"""What a run's start says of its net: size, what stays frozen, the losses."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn


def title(model: nn.Module, trains: bool = False) -> str:
    """Types of the net and its parts, the number of parameters, and which are not trained."""
    parts = (getattr(model, name, None) for name in ('backbone', 'neck', 'head'))
    names = ', '.join(type(part).__name__ for part in parts if isinstance(part, nn.Module))
    count = sum(weight.numel() for weight in model.parameters())
    text = type(model).__name__ + (f' ({names})' if names else '') + f': {count:,} parameters'
    if not trains:
        return text
    frozen = {name: w for name, w in model.named_parameters() if not w.requires_grad}
    # The first two parts of their names, such as backbone.stem.
    modules = dict.fromkeys('.'.join(name.split('.')[:2]) for name in frozen)
    text += f', {sum(weight.numel() for weight in frozen.values()):,} frozen'
    return text + (f' ({", ".join(modules)})' if modules else '')


def losses(model: nn.Module) -> Iterator[str]:
    """Kinds of the head's losses, how many there are of each, and weights other than 1."""
    head = getattr(model, 'head', None)
    children = head.named_children() if isinstance(head, nn.Module) else ()
    for name, child in children:
        if not name.startswith('loss'):
            continue
        kind = name.partition('_')[2]
        # One loss serves all classifiers.
        repeated = getattr(head, 'classifiers', child) if kind == 'cls' else child
        count = len(repeated) if isinstance(repeated, nn.ModuleList) else 1
        loss = next(iter(child), None) if isinstance(child, nn.ModuleList) else child
        # An adapter's name is that of the loss inside it.
        loss = getattr(loss, 'loss', loss) if isinstance(loss, nn.Module) else loss
        weight = getattr(head, f'{kind}_weight', 1)
        if loss is not None:
            text = type(loss).__name__ + (f' x {count}' if count > 1 else '')
            yield text + (f', weight {weight:g}' if weight != 1 else '')
