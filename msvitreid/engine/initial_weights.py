"""Weights that a component of the config starts from, apart from ``model.pretrained``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msvitreid.errors import CheckpointError

#: How mmpretrain's wrapper of timm's nets is told to start from weights.
TIMM_OPTIONS = ('pretrained', 'checkpoint_path')


def without_initial_weights(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config without them, for a net that a checkpoint is going to fill."""
    bare = dict(model)
    if bare.get('pretrained') is not None:
        bare['pretrained'] = None
    if isinstance(bare.get('backbone'), Mapping):
        bare['backbone'] = {
            key: value
            for key, value in bare['backbone'].items()
            if key not in TIMM_OPTIONS and not (key == 'init_cfg' and _is_file(value))
        }
    return bare


def require_initial_weights(model: Mapping[str, Any]) -> None:
    """Check that the files which the backbone starts from are there.

    Raises:
        CheckpointError: one is missing; the sentence names its option.
    """
    for option, path in _files(model.get('backbone')):
        if not Path(path).is_file():
            raise CheckpointError(
                f'model.backbone.{option} names weights {str(path)!r} that do not exist: put '
                'them there, or train from scratch with --cfg-options '
                f'model.backbone.{option.split(".")[0]}=None'
            )


def _files(backbone: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(backbone, Mapping):
        return
    if backbone.get('checkpoint_path'):
        yield 'checkpoint_path', backbone['checkpoint_path']
    if _is_file(backbone.get('init_cfg')):
        yield 'init_cfg.checkpoint', backbone['init_cfg'].get('checkpoint', '')


def _is_file(init_cfg: Any) -> bool:
    return isinstance(init_cfg, Mapping) and init_cfg.get('type') == 'Pretrained'
