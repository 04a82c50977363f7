"""Weights that a component of the config starts from, apart from ``model.pretrained``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.model import PretrainedInit

from msvitreid.checkpoints import read_checkpoint
from msvitreid.errors import CheckpointError
from msvitreid.registry import WEIGHT_INITIALIZERS
from msvitreid.registry.type_names import short_type

#: Parts of a model that may have an ``init_cfg`` of their own.
PARTS = ('backbone', 'neck', 'head')

#: How mmpretrain's wrapper of timm's nets is configured to start from weights.
TIMM_OPTIONS = ('pretrained', 'checkpoint_path')


def without_initial_weights(model: Mapping[str, Any]) -> dict[str, Any]:
    """A model's config without them, for a net that a checkpoint is going to fill."""
    bare = _without_files(model)
    if bare.get('pretrained'):
        bare['pretrained'] = None
    for name in PARTS:
        if isinstance(bare.get(name), Mapping):
            bare[name] = _without_files(bare[name])
    if is_timm(bare.get('backbone')):
        backbone = bare['backbone'].items()
        bare['backbone'] = {key: value for key, value in backbone if key not in TIMM_OPTIONS}
    return bare


def require_initial_weights(model: Mapping[str, Any]) -> None:
    """Check that the files which parts of a model start from are there, and safe to read.

    Raises:
        CheckpointError: one is missing, and the sentence names its option; or timm is to
            read one that :func:`read_checkpoint` refuses.
    """
    for option, switch, path in _files(model):
        if not Path(path).is_file():
            raise CheckpointError(
                f'{option} names weights {str(path)!r} that do not exist: put them there, or '
                f'train from scratch with --cfg-options {switch}=None'
            )
        # Whether timm's own reading runs what a file contains depends on timm's version.
        if option.endswith('.checkpoint_path') and not str(path).endswith('.safetensors'):
            read_checkpoint(path)


@contextmanager
def downloads_by_timm(model: Mapping[str, Any]) -> Iterator[None]:
    """A block that builds a model, for whose backbone timm may have to download weights.

    Raises:
        CheckpointError: it cannot, as where there is no network.
    """
    backbone = model.get('backbone') or {}
    try:
        yield
    except OSError as error:
        # What huggingface_hub raises is one, whatever the reason.
        if not (is_timm(backbone) and backbone.get('pretrained')):
            raise
        name = backbone.get('model_name')
        raise CheckpointError(
            f'timm cannot download the weights of {name!r} '
            f'({" ".join(str(error).split())[:150]}); with a file of them at hand, run msvitreid '
            f'convert FILE pretrain/{name}.safetensors --timm {name}, or train from scratch with '
            '--cfg-options model.backbone.pretrained=False'
        ) from error


def pretrained_entries(init_cfg: Any) -> Iterator[Mapping[str, Any]]:
    """The entries of an ``init_cfg``, which is one or a list of them, that name a file."""
    for entry in _entries(init_cfg):
        if _names_file(entry):
            yield entry


def is_timm(backbone: Any) -> bool:
    """Whether a config is of mmpretrain's wrapper of timm's nets.

    By its name, as it has no attribute of ours, and options of a net of one's own that are called
    alike may mean something else.
    """
    return short_type(backbone) == 'TIMMBackbone'


def _without_files(part: Mapping[str, Any]) -> dict[str, Any]:
    """A component's config whose ``init_cfg`` names no file; it goes if nothing is left."""
    bare = dict(part)
    if any(pretrained_entries(part.get('init_cfg'))):
        kept = [entry for entry in _entries(bare.pop('init_cfg')) if not _names_file(entry)]
        if kept:
            bare['init_cfg'] = kept
    return bare


def _files(model: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Option, what to set to ``None`` to do without, and file."""
    parts = {'model': model, **{f'model.{name}': model.get(name) for name in PARTS}}
    for name, part in parts.items():
        if isinstance(part, Mapping):
            switch = f'{name}.init_cfg'
            for entry in pretrained_entries(part.get('init_cfg')):
                yield f'{switch}.checkpoint', switch, entry.get('checkpoint', '')
    backbone = model.get('backbone')
    if isinstance(backbone, Mapping) and is_timm(backbone) and backbone.get('checkpoint_path'):
        option = 'model.backbone.checkpoint_path'
        yield option, option, backbone['checkpoint_path']


def _entries(init_cfg: Any) -> list[Any]:
    return list(init_cfg) if isinstance(init_cfg, list | tuple) else [init_cfg]


def _names_file(entry: Any) -> bool:
    kind = WEIGHT_INITIALIZERS.component(entry)
    return inspect.isclass(kind) and issubclass(kind, PretrainedInit)
