"""How a run that is resumed differs from the one that wrote the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.runner import Runner

from msvitreid.errors import ConfigError
from msvitreid.utils.printable import printable

from .experiment import experiment_options

#: Where a checkpoint's metadata hold the options and the data's digest.
RECORD = 'experiment'

#: mmengine writes it into the metadata.
SEED = 'randomness.seed'

_NOT_SET = 'not set'
_LONGEST = 80


class Change(NamedTuple):
    """An option of the experiment with its value then and now, as text."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f'{self.name} was {_short(self.old)} and is {_short(self.new)}'


def experiment_record(runner: Runner) -> dict[str, dict[str, str]]:
    """What a checkpoint's metadata hold for :func:`experiment_changes`, plain containers."""
    return {RECORD: experiment_options(runner).values}


def experiment_changes(runner: Runner, meta: Mapping[str, Any], filename: str) -> list[Change]:
    """What differs, by name; for a checkpoint without a record the seed, and a warning.

    A config without a seed takes that of the checkpoint, and differs by none.

    Args:
        runner: about to resume, with its data.
        meta: the checkpoint's metadata.
        filename: the checkpoint's, for the warning.
    """
    old, new = meta.get('seed'), (runner.cfg.get('randomness') or {}).get('seed')
    is_other = None not in (old, new) and old != new
    seed = [Change(SEED, str(old), str(new))] if is_other else []
    saved = meta.get(RECORD)
    if not isinstance(saved, Mapping):
        print_log(
            f'checkpoint {filename!r} does not record the options and the data of its run, so '
            'that they are not compared with those of this one',
            logger='current',
            level=logging.WARNING,
        )
        return seed
    own, defaults = experiment_options(runner)
    changes = [
        Change(name, str(saved.get(name, _NOT_SET)), own.get(name, _NOT_SET))
        for name in dict.fromkeys((*own, *saved))
        # An option that came with a later version, as that version leaves it.
        if not (name in defaults and name not in saved)
    ]
    changes = seed + [change for change in changes if change.old != change.new]
    # Components that were exchanged have other options, which need no mention.
    exchanged = [
        c.name.removesuffix('type')
        for c in changes
        if c.name.endswith('.type') and _NOT_SET not in c
    ]
    above = {name for change in changes for name in _parents(change.name)}
    return [
        change
        for change in changes
        if not (_NOT_SET in change and change.name.startswith(tuple(exchanged)))
        # A dict of options in place of a value, or a value in place of one, is named once.
        and change.name not in above
    ]


def _parents(name: str) -> Iterator[str]:
    """``a`` and ``a.b`` of ``a.b.c``."""
    parts = name.split('.')
    return ('.'.join(parts[:end]) for end in range(1, len(parts)))


def accepts(cfg: Mapping[str, Any], name: str) -> bool:
    """Whether the config's ``accept_changes`` names an option, a part above it, or all.

    Raises:
        ConfigError: it is neither True or False nor names.
    """
    accepted = cfg.get('accept_changes')
    if isinstance(accepted, bool | None):
        return bool(accepted)
    names = [accepted] if isinstance(accepted, str) else accepted
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
        raise ConfigError(
            'accept_changes must be True, False or names of options, such as '
            f"['optim_wrapper.optimizer.lr'], got {accepted!r}"
        )
    return any(name == known or name.startswith(f'{known}.') for known in names)


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'
