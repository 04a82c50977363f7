"""What the config's ``load_except`` leaves out of the weights that ``load_from`` names."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.runner import BaseLoop, Runner

from msvitreid.errors import ConfigError


def require_source(cfg: Config) -> None:
    """Check that what a training leaves out is left out of something.

    Raises:
        ConfigError: ``load_except`` is stated for a training, and ``load_from`` is not.
    """
    # A test has no training; where a run is resumed, its checkpoint fills the whole net.
    begins = cfg.get('train_cfg') and not cfg.get('resume')
    if begins and cfg.get('load_except') and not cfg.get('load_from'):
        raise ConfigError(
            f'load_except={cfg["load_except"]!r} has no effect without load_from: name the '
            'checkpoint to start from, or leave it out'
        )


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
