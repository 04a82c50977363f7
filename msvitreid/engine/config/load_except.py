"""What the config's ``load_except`` leaves out of the weights that ``load_from`` names."""

from __future__ import annotations

from mmengine.runner import BaseLoop, Runner


def load_exceptions(runner: Runner, filename: str) -> list[str]:
    """The names in ``load_except`` if ``filename`` is what the training starts from.

    A resumed run and a test fill the whole net: there ``load_except`` has no effect, so that
    the config of a fine-tuning also resumes and tests it.
    """
    # The training loop is built, not a dict or None, when and only when training has begun.
    training = isinstance(runner._train_loop, BaseLoop)
    if runner._resume or not training or filename != runner._load_from:
        return []
    names = runner.cfg.get('load_except') or []
    return [names] if isinstance(names, str) else list(names)
