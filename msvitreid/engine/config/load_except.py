"""What the config's ``load_except`` leaves out of the weights that ``load_from`` names."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from msvitreid.errors import ConfigError


def load_exceptions(runner: Runner, filename: str) -> list[str]:
    """The names in ``load_except`` if ``filename`` is what the training starts from.

    A resumed run and a test fill the whole net: there ``load_except`` has no effect, so that
    the config of a fine-tuning also resumes and tests it.

    Raises:
        ConfigError: ``load_except`` is not a list of names.
    """
    # The training loop is built, not a dict or None, when and only when training has begun.
    training = isinstance(runner._train_loop, BaseLoop)
    if runner._resume or not training or filename != runner._load_from:
        return []
    names = runner.cfg.get('load_except') or []
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"load_except must be a list of names such as 'head.classifiers', got {names!r}"
        )
    return list(names)
