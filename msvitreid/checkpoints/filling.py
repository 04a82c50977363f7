"""Filling a net with the weights of a file, completely and exactly."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from msvitreid.errors import CheckpointError, ConfigError
from msvitreid.utils.near_names import did_you_mean

from .class_weights import weights_of_classes
from .load_report import LoadReport, Reshaped, log_misfits
from .values import require_usable_values


def fill_model(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    source: str | os.PathLike[str],
    leave_out: Iterable[str] = (),
) -> LoadReport:
    """Load ``weights`` into ``model``, which they must fill completely and exactly.

    Args:
        model: the net; what is left out of it keeps its values.
        weights: a state dict.
        source: the file they are from, for messages.
        leave_out: modules and weights that are neither filled nor looked for in the file;
            ``'head.classifiers'`` is all of ``head.classifiers.*``.

    Returns:
        what was loaded and what was left out.

    Raises:
        CheckpointError: keys are missing, unexpected or of another shape, and it names the first
            few and the log file has all; or a weight has numbers that cannot be one.
        ConfigError: a name of ``leave_out`` is in neither.
    """
    expected = model.state_dict()
    left_out = keys_below(leave_out, [*expected, *weights])
    offered = {name: value for name, value in weights.items() if name not in left_out}
    reshaped = [
        Reshaped(name, tuple(value.shape), tuple(expected[name].shape))
        for name, value in offered.items()
        if name in expected and value.shape != expected[name].shape
    ]
    misshapen = {name for name, *_ in reshaped}
    fitting = {name: value for name, value in offered.items() if name not in misshapen}
    require_usable_values(model, fitting, source)
    try:
        missing, unexpected = model.load_state_dict(fitting, strict=False)
    except RuntimeError as error:
        raise CheckpointError(
            f'checkpoint {str(source)!r} holds weights of a kind that the model cannot take: '
            f'{" ".join(str(error).split())}'
        ) from error
    # Loading runs the modules' own hooks, which may leave keys out.
    left_out.update(fitting.keys() - expected.keys() - set(unexpected))
    report = LoadReport(
        source=str(source),
        loaded=sorted(fitting.keys() & expected.keys()),
        missing=sorted(set(missing) - misshapen - left_out),
        unexpected=sorted(unexpected),
        reshaped=sorted(reshaped),
        left_out=sorted(left_out),
    )
    if report.misfits:
        log_misfits(report)
        raise CheckpointError(
            f'checkpoint {str(source)!r} does not fit the model of the config: '
            f'{report.problems()}{_hint(report, weights, model)}'
        )
    return report


def keys_below(names: Iterable[str], keys: Iterable[str]) -> set[str]:
    """The keys that are one of ``names`` or begin with one and a dot.

    Raises:
        ConfigError: there is none for one of the names; near names are suggested.
    """
    keys = list(keys)
    found: set[str] = set()
    for name in names:
        below = {key for key in keys if key == name or key.startswith(f'{name}.')}
        if not below:
            raise ConfigError(
                f'load_except: {name!r} is no module or weight of the net or of the file'
                f'{did_you_mean(name, _modules(keys))}'
            )
        found |= below
    return found


def _modules(keys: Iterable[str]) -> set[str]:
    """Every name that has one of the keys below it, the keys included."""
    parts = [key.split('.') for key in keys]
    return {'.'.join(key[:end]) for key in parts for end in range(1, len(key) + 1)}


def _hint(report: LoadReport, weights: Mapping[str, Tensor], model: nn.Module) -> str:
    """What to do about the commonest misfits."""
    if {'stem.conv.weight', 'first_conv.conv.weight'} & set(weights):
        return "; it has the authors' names: convert it with msvitreid convert"
    of_classes = weights_of_classes(model)
    if of_classes and all(key.startswith(of_classes) for key in report.misfits):
        parts = sorted({'.'.join(key.split('.')[:2]) for key in report.misfits})
        return (
            '; these are the classifiers of other identities: to fine-tune on yours, start a '
            f'new run with load_from and load_except={parts}'
        )
    return ''
