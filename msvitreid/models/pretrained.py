"""Start a re-identification net from ImageNet weights, or from another ReID net's."""

from __future__ import annotations

from pathlib import Path

from mmengine.logging import print_log
from torch import Tensor, nn

from msvitreid.engine.checkpoint import read_checkpoint, weights_of
from msvitreid.errors import CheckpointError

from .official_names import from_official, recognise


def load_pretrained(model: nn.Module, path: str) -> None:
    """Initialise a :class:`ReIDModel` of MSViT from a weights file.

    A classifier's stage 4 and conv head go to every branch, its 512-d linear layer and
    BatchNorm to every vector of the head. A ReID file fills backbone and head. Classifiers
    are never taken over. Both the authors' names and ours are read.

    Raises:
        CheckpointError: the file is missing, is of no known kind, or does not fit the
            backbone; the sentence says what to do.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f'pretrained weights {path!r} do not exist: put the ImageNet weights there as '
            'pretrain/README.md says, or train from scratch with '
            '--cfg-options model.pretrained=None'
        )
    weights = weights_of(read_checkpoint(path), path)
    recognised = recognise(weights)
    if recognised is None:
        raise CheckpointError(
            f'pretrained weights {path!r} are neither an MSViT classifier nor an MSViT ReID net '
            f'(first name: {next(iter(weights))!r})'
        )
    kind, official = recognised
    if official:
        weights = from_official(weights, kind)

    filled, used = {}, set()
    for name, own in model.state_dict().items():
        source = _classifier_name(name) if kind == 'classifier' else name
        if source not in weights or name.startswith('head.classifiers.'):
            continue
        if weights[source].shape != own.shape:
            raise CheckpointError(
                f'pretrained weights {path!r} do not fit: {name} is {tuple(own.shape)} in the '
                f'config and {tuple(weights[source].shape)} in the file; check the arch'
            )
        filled[name] = weights[source]
        used.add(source)
    unused = [name for name in weights if name.startswith('backbone.') and name not in used]
    if unused:
        raise CheckpointError(
            f'pretrained weights {path!r} have {len(unused)} weights that the backbone lacks '
            f'(first: {unused[0]}); check the arch'
        )
    missing, _ = model.load_state_dict(filled, strict=False)
    _report(model, path, filled, missing)


def _classifier_name(name: str) -> str:
    """Where a ReID weight starts from in a classifier."""
    parts = name.split('.')
    if name.startswith('backbone.branches.'):
        parts[2] = '0'
    elif name.startswith(('head.linears.', 'head.norms.')):
        layer = 'fc' if parts[1] == 'linears' else 'norm'
        parts[1:3] = [layer]
    return '.'.join(parts)


def _report(model: nn.Module, path: str, filled: dict[str, Tensor], missing: list[str]) -> None:
    lost = [name for name in missing if name.startswith('backbone.')]
    if lost:
        raise CheckpointError(
            f'pretrained weights {path!r} leave {len(lost)} weights of the backbone unset '
            f'(first: {lost[0]}); check the arch'
        )
    fresh = sorted({'.'.join(name.split('.')[:2]) for name in missing})
    print_log(
        f'pretrained weights {path}: {len(filled)} tensors loaded; from scratch: '
        f'{", ".join(fresh) or "nothing"}',
        logger='current',
    )
