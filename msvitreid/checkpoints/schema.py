"""What a checkpoint of a training run holds: the one description of its keys and types.

``Runner.resume`` and the hooks take these over as they are, so all are checked before. Whether the
states belong to the optimizer and the schedulers of the run is checked in ``training_state.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import torch

from msvitreid.errors import CheckpointError

from .kinds import (
    LARGEST,
    MalformedError,
    anything,
    fields,
    finite_tensor,
    floating_tensor,
    integer,
    mapping,
    number,
    optional,
    sequence,
    text,
)
from .values import are_finite

#: Counts of whole things in the log, which hooks go on from as integers.
COUNTS = ('train/amp_skipped',)

#: Options that a run may have noted; an ordinary one has some hundreds.
MOST_OPTIONS = 10_000

#: To torch, a loss scaler's scale is a float32 tensor and its counter an int32 one.
FLOAT32, MOST_STEPS = torch.finfo(torch.float32), 2**31 - 1

#: Information of the run that mmengine's ``CheckpointHook`` reads, by the beginning of its name.
BEST_FILE, BEST_SCORE = 'best_ckpt', 'best_score'


def _batch_in_epoch(meta: Any, path: str) -> None:
    """``batch`` of ``batches``: both or neither."""
    both = fields({'batch': integer(1), 'batches': integer(1)})
    if 'batch' in meta or 'batches' in meta:
        both(meta, path)
        integer(1, meta['batches'])(meta['batch'], f'{path}.batch')


def _experiment(value: Any, path: str) -> None:
    """The options of the run, as text by name; a run has some hundreds."""
    mapping(text)(value, path)
    if len(value) > MOST_OPTIONS:
        raise MalformedError(path, len(value), f'of at most {MOST_OPTIONS:,} options')


def _meta(value: Any, path: str) -> None:
    fields(
        {'epoch': integer(), 'iter': integer()},
        {
            'seed': optional(integer(0, 2**32 - 1)),
            'cfg': text,
            'experiment': _experiment,
            'experiment_name': text,
            'time': text,
            'mmengine_version': text,
            'dataset_meta': optional(fields({}, {'num_classes': optional(integer(1))})),
            'optimizer': text,
            'param_schedulers': sequence(text),
        },
    )(value, path)
    _batch_in_epoch(value, path)


def _log_scalar(value: Any, path: str) -> None:
    """Values, which may be infinite where a loss was, and how many steps each stands for."""
    sequence(floating_tensor, length=2)(value, path)
    values, counts = value
    for part, array in (('0', values), ('1', counts)):
        if array.dim() != 1 or not len(array):
            raise MalformedError(
                f'{path}.{part}', array, 'a tensor of one dimension, not empty'
            )
    if len(values) != len(counts):
        raise MalformedError(f'{path}.1', counts, f'as long as {path}.0, {len(values)}')
    if not are_finite(counts) or bool((counts <= 0).any()):
        raise MalformedError(f'{path}.1', counts, 'of finite numbers above 0')
    if path.endswith(COUNTS):
        last = values[-1].item()
        number(0, LARGEST)(last, f'{path}.0.{len(values) - 1}')


def file_name_of(path: str) -> str:
    """The last part of a path of any system."""
    return PureWindowsPath(PurePosixPath(path).name).name


def _best_file(value: Any, path: str) -> None:
    """A file that ``CheckpointHook`` removes when there is a better one."""
    text(value, path)
    name = file_name_of(value)
    if not name.startswith('best_') or '\0' in value:
        raise MalformedError(path, value, 'the path of a file whose name begins with best_')


def _runtime_info(value: Any, path: str) -> None:
    fields(
        {},
        {
            'epoch': integer(),
            'iter': integer(),
            'seed': optional(integer(0, 2**32 - 1)),
            'last_ckpt': optional(text),
            'keep_ckpt_ids': sequence(integer()),
            'last_validation': fields(
                {'unit': text, 'number': integer(), 'figures': mapping(number())}
            ),
        },
    )(value, path)
    for key, item in value.items():
        text(key, f'a key of {path}')
        if key.startswith(BEST_FILE):
            optional(_best_file)(item, f'{path}.{key}')
        elif key.startswith(BEST_SCORE):
            number()(item, f'{path}.{key}')


_OPTIMIZER = fields(
    {
        'state': mapping(mapping(anything), key=integer()),
        'param_groups': sequence(fields({'params': sequence(integer())})),
    },
    {
        'loss_scaler': fields(
            {
                'scale': number(FLOAT32.tiny, FLOAT32.max),
                'growth_factor': number(1, FLOAT32.max),
                'backoff_factor': number(0, 1),
                'growth_interval': integer(1, MOST_STEPS),
                '_growth_tracker': integer(0, MOST_STEPS),
            }
        ),
        'base_param_settings': fields({'params': finite_tensor}),
    },
)

_PARTS = {
    'meta': _meta,
    'message_hub': fields({'log_scalars': mapping(_log_scalar), 'runtime_info': _runtime_info}),
    'param_schedulers': sequence(mapping(anything)),
    'weight_average': fields({'count': integer(1), 'average': mapping(finite_tensor)}),
    'ema_state_dict': mapping(anything),
    'unreadable_images': sequence(text),
}


def require_run_state(
    checkpoint: Mapping[str, Any], source: str | os.PathLike[str], one_optimizer: bool = True
) -> None:
    """Check every field of a checkpoint that resuming a run reads.

    Keys that are unknown here belong to hooks of others and are passed over.

    Args:
        checkpoint: as :func:`read_checkpoint` gives it.
        source: its file, for the message.
        one_optimizer: whether the run has one, not a dict of them.

    Raises:
        CheckpointError: a field is missing, or is of another type or out of its range; file and
            key path are in the sentence.
    """
    parts = {**_PARTS, 'optimizer': _OPTIMIZER}
    if not one_optimizer:
        del parts['optimizer'], parts['param_schedulers']
    try:
        for name, check in parts.items():
            if name in checkpoint:
                check(checkpoint[name], name)
    except MalformedError as error:
        raise not_resumable(source, error) from error


def not_resumable(source: str | os.PathLike[str], error: MalformedError) -> CheckpointError:
    """The error for a field of a run's state that is not of its kind."""
    return CheckpointError(
        f'checkpoint {str(source)!r} cannot be resumed: {error}; resume from an epoch_N.pth as '
        'this toolkit wrote it'
    )
