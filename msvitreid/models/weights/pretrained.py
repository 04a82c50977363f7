"""Start a re-identification net from ImageNet weights, or from another ReID net's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mmengine.logging import print_log
from torch import nn

from msvitreid.checkpoints import (
    LoadReport,
    Reshaped,
    digest,
    extract_state_dict,
    log_misfits,
    read_checkpoint,
    require_usable_values,
    weights_of_classes,
)
from msvitreid.errors import CheckpointError

from .official_names import from_official, recognise


def load_pretrained(model: nn.Module, path: str) -> None:
    """Initialize a :class:`ReIDModel` of MSViT from a weights file.

    A classifier's stage 4 and conv head go to every branch, its 512-d linear layer and
    BatchNorm to every vector of the head. A ReID file fills backbone and head. Classifiers
    are never taken over. Both the authors' names and ours are read. The backbone must be
    filled completely and use all of the file's; of the head, what only the net or only the
    file has is named in the log.

    Raises:
        CheckpointError: the file is missing, is of no known kind, or does not fit; the
            sentence says what to do, and the log has every key that does not fit.
    """
    if not Path(path).is_file():
        raise CheckpointError(
            f'pretrained weights {path!r} do not exist: put the ImageNet weights there as '
            'pretrain/README.md says, or train from scratch with '
            '--cfg-options model.pretrained=None'
        )
    weights = extract_state_dict(read_checkpoint(path), path)
    recognized = recognise(weights)
    if recognized is None:
        raise CheckpointError(
            f'pretrained weights {path!r} are neither an MSViT classifier nor an MSViT ReID net '
            f'(first name: {next(iter(weights))!r})'
        )
    kind, official = recognized
    if official:
        weights = from_official(weights, kind)

    own = model.state_dict()
    sources = {
        name: source
        for name in own
        if (source := _classifier_name(name) if kind == 'classifier' else name) in weights
        and not name.startswith(weights_of_classes(model))
    }
    reshaped = [
        Reshaped(name, tuple(weights[source].shape), tuple(own[name].shape))
        for name, source in sources.items()
        if weights[source].shape != own[name].shape
    ]
    filled = {
        name: weights[source]
        for name, source in sources.items()
        if weights[source].shape == own[name].shape
    }
    require_usable_values(model, filled, path)
    missing, _ = model.load_state_dict(filled, strict=False)
    _report(path, filled, missing, reshaped, weights.keys() - set(sources.values()))


def _classifier_name(name: str) -> str | None:
    """Where a ReID weight starts from in a classifier."""
    parts = name.split('.')
    if name.startswith('backbone.branches.'):
        parts[2] = '0'
    elif name.startswith(('head.linears.', 'head.norms.')):
        layer = 'fc' if parts[1] == 'linears' else 'norm'
        parts[1:3] = [layer]
    elif name.startswith('head.'):
        return None
    return '.'.join(parts)


def _report(
    path: str,
    filled: Iterable[str],
    missing: Iterable[str],
    reshaped: list[Reshaped],
    unused: Iterable[str],
) -> None:
    misshapen = {key.name for key in reshaped}
    fresh = [name for name in missing if name not in misshapen]
    report = LoadReport(
        source=path,
        loaded=sorted(filled),
        missing=sorted(filter(_in_backbone, fresh)),
        unexpected=sorted(filter(_in_backbone, unused)),
        reshaped=sorted(reshaped),
        left_out=sorted(name for name in unused if not _in_backbone(name)),
    )
    if report.misfits:
        log_misfits(report)
        raise CheckpointError(
            f'pretrained weights {path!r} do not fit the net of the config: '
            f'{report.problems()}; check the arch'
        )
    modules = sorted({'.'.join(name.split('.')[:2]) for name in fresh})
    print_log(
        f'pretrained weights: {report.summary(digest(path))}; from scratch: '
        f'{", ".join(modules) or "nothing"}',
        logger='current',
    )


def _in_backbone(name: str) -> bool:
    return name.startswith('backbone.')
