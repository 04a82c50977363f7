"""Names of the authors' two kinds of weights files, and of ours, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from msvitreid.errors import CheckpointError

Kind = Literal['classifier', 'reid']
T = TypeVar('T')

_TRUNK = [(f'layer{i}.', f'backbone.stages.{i - 1}.') for i in (1, 2, 3)]
_PREFIXES: dict[Kind, list[tuple[str, str]]] = {
    'classifier': [
        ('first_conv.', 'backbone.stem.'),
        *_TRUNK,
        ('layer4.', 'backbone.branches.0.stage.'),
        ('conv_head.', 'backbone.branches.0.conv_head.'),
        ('fc.', 'head.fc.'),
        ('norm.', 'head.norm.'),
        ('classifier.', 'head.classifier.'),
    ],
    'reid': [
        ('stem.', 'backbone.stem.'),
        *_TRUNK,
        ('branch_1.0.', 'backbone.branches.0.stage.'),
        ('branch_1.1.', 'backbone.branches.0.conv_head.'),
        ('branch_2.0.', 'backbone.branches.1.stage.'),
        ('branch_2.1.', 'backbone.branches.1.conv_head.'),
        ('feat_list.', 'head.linears.'),
        ('bn_list.', 'head.norms.'),
        ('class_list.', 'head.classifiers.'),
    ],
}
_INNER = [
    ('.main.2.se.1.', '.main.2.reduce.'),
    ('.main.2.se.3.', '.main.2.expand.'),
    ('.sattn.att.', '.attn.'),
    ('.proj.1.', '.proj.'),
]


def recognise(names: Mapping[str, object]) -> tuple[Kind, bool] | None:
    """Kind of a state dict and whether its names are the authors'; ``None`` for strangers."""
    if 'first_conv.conv.weight' in names:
        return 'classifier', True
    if 'stem.conv.weight' in names and 'branch_1.1.conv.weight' in names:
        return 'reid', True
    if 'backbone.stem.conv.weight' in names:
        if 'head.fc.weight' in names:
            return 'classifier', False
        # Under another head than the published one, the second branch decides.
        if {
            'head.linears.0.weight',
            'backbone.branches.1.conv_head.conv.weight',
        } & names.keys():
            return 'reid', False
    return None


def from_official(weights: Mapping[str, T], kind: Kind) -> dict[str, T]:
    """The authors' names to ours, order kept.

    Raises:
        CheckpointError: a name belongs to no part of that kind of net.
    """
    return _rename(weights, _PREFIXES[kind], _INNER)


def to_official(weights: Mapping[str, T], kind: Kind) -> dict[str, T]:
    """Our names to the authors', order kept; errors as :func:`from_official`."""
    swapped = [(ours, theirs) for theirs, ours in _PREFIXES[kind]]
    return _rename(weights, swapped, [(ours, theirs) for theirs, ours in _INNER])


def _rename(
    weights: Mapping[str, T], prefixes: list[tuple[str, str]], inner: list[tuple[str, str]]
) -> dict[str, T]:
    renamed = {}
    for name, value in weights.items():
        for old, new in prefixes:
            if name.startswith(old):
                target = new + name[len(old) :]
                break
        else:
            raise CheckpointError(f"weight {name!r} belongs to no part of the authors' net")
        for old, new in inner:
            target = target.replace(old, new)
        renamed[target] = value
    return renamed
