from __future__ import annotations

from torch import nn


def weights_of_classes(model: nn.Module) -> tuple[str, ...]:
    """How the names begin of those weights that other identities have no use for.

    They are what the net's head names in ``of_classes``: classifiers, and what losses learn.
    """
    names = getattr(getattr(model, 'head', None), 'of_classes', ())
    return tuple(f'head.{name}.' for name in names)
