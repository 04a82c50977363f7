"""What a user can correct in an error that was raised while a component was built."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from types import FrameType
from typing import Any

from mmengine.registry import build_from_cfg

from .errors import ConfigError, ReIDError
from .utils.near_names import did_you_mean
from .utils.parameters import call_parameters

#: Our extra that installs a module.
EXTRAS = {
    'mmpretrain': 'pretrain',
    'pytorch_metric_learning': 'metric-learning',
    'timm': 'timm',
    'torchvision': 'pretrain',
}


def explain(error: Exception) -> ConfigError | None:
    """The sentence for an error that a component's config, or a missing package, caused.

    mmengine builds much by registries of its own, so the frames that ``error`` passed
    through say what was being built.

    Returns:
        ``None`` for a :class:`ReIDError`, which has its sentence, and for what may be a bug.
    """
    if isinstance(error, ReIDError):
        return None
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    built = _innermost_component(frames)
    if built is not None and isinstance(error, ImportError):
        return ConfigError(_missing_package(built, error))
    if built is not None and isinstance(error, TypeError) and is_call_mismatch(error):
        return ConfigError(_wrong_option(built, error))
    if isinstance(error, TypeError | ValueError):
        return _refused_section(frames, error)
    return None


def is_call_mismatch(error: TypeError) -> bool:
    """Whether a call was given a keyword that it does not take, or lacks an argument."""
    return 'keyword argument' in str(error) or 'required positional' in str(error)


def _innermost_component(frames: list[FrameType]) -> Mapping[str, Any] | None:
    """What mmengine's function that builds a component knows of it."""
    for frame in reversed(frames):
        if frame.f_code is build_from_cfg.__code__ and 'obj_cls' in frame.f_locals:
            return frame.f_locals
    return None


def _owner(built: Mapping[str, Any]) -> str:
    kind = built['obj_type']
    return f'{built["registry"].name} {getattr(kind, "__name__", kind)!r}'


def _missing_package(built: Mapping[str, Any], error: ImportError) -> str:
    package = (error.name or '').partition('.')[0]
    # mmpretrain raises errors of its own, which name the package in their text only.
    named = [name for name in EXTRAS if re.search(rf'\b{name}\b', f'{package} {error}')]
    reason = ' '.join(str(error).split())
    return (
        f'{_owner(built)} needs {named[0] if named else package or "a package"}, which cannot '
        f'be imported ({reason}): '
        + (f"pip install 'msvitreid[{EXTRAS[named[0]]}]'" if named else 'install it')
    )


def _wrong_option(built: Mapping[str, Any], error: TypeError) -> str:
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if found is None or found[1] not in built['args']:
        return f'an option of {_owner(built)} is wrong: {error}'
    hint = did_you_mean(found[1], call_parameters(built['obj_cls'])) or (
        '; options inherited from another type are thrown away by _delete_=True in the config'
    )
    return f'{_owner(built)} has no option {found[1]!r}{hint}'


def _refused_section(frames: list[FrameType], error: Exception) -> ConfigError | None:
    """The sentence for what optimizers and schedulers say of the values they are given."""
    from mmengine.runner import Runner

    sections = {
        Runner.build_optim_wrapper.__code__: ('optim_wrapper', 'optim_wrapper'),
        Runner._build_param_scheduler.__code__: ('param_scheduler', 'scheduler'),
    }
    for frame in frames:
        if frame.f_code in sections:
            section, argument = sections[frame.f_code]
            return ConfigError(
                f'{section} cannot be built from {frame.f_locals[argument]}: {error}'
            )
    return None
