from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from msvitreid.errors import DatasetError
from msvitreid.registry import HOOKS
from msvitreid.registry.checked import checked
from msvitreid.registry.components import Share
from msvitreid.utils.exchange import gather_strings
from msvitreid.utils.files import atomic_write

FILE_NAME = 'unreadable.txt'


@HOOKS.register_module()
@checked
class UnreadableImageHook(Hook):
    """Count the training images that could not be read; too many of them end the run.

    A dataset with ``on_unreadable='redraw'`` says in a data sample's ``unreadable`` which
    files another image was taken for. Each is logged once and listed in ``unreadable.txt``
    in the work directory, one path a line. All so far are in every checkpoint, so a resumed
    run continues counting.

    Of several processes each knows what it has met itself and, from the end of an epoch on,
    what all have.

    Args:
        max_share: of the training images, in [0, 1]; more unreadable ones are an error.

    Raises:
        ConfigError: ``max_share`` is not in [0, 1].
    """

    # Before the CheckpointHook, whose files must hold the epoch's findings already.
    priority = 'NORMAL'

    def __init__(self, max_share: Share = 0.01) -> None:
        self.max_share = max_share
        self.files: set[str] = set()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        samples = data_batch.get('data_samples') or ()
        self._add(runner, (path for s in samples for path in s.get('unreadable', ())))

    def after_bn_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.after_train_iter(runner, batch_idx, data_batch)

    def after_train_epoch(self, runner: Runner) -> None:
        self._add(runner, gather_strings(np.array(sorted(self.files), np.str_)).tolist())
        if self.files:
            self._write(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if self.files:
            checkpoint['unreadable_images'] = sorted(self.files)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        # A run that only starts from these weights counts for itself.
        if runner._resume:
            self.files = set(checkpoint.get('unreadable_images', ()))

    def _add(self, runner: Runner, paths: Iterable[str]) -> None:
        """Log the new ones among ``paths``.

        Raises:
            DatasetError: they make too many.
        """
        images = len(runner.train_dataloader.dataset)
        new = sorted(set(paths) - self.files)
        for path in new:
            self.files.add(path)
            runner.logger.warning(
                f'{path}: the image cannot be read, so another one of its identity is used; '
                f'{len(self.files)} of {images} training images so far'
            )
        if new:
            self._write(runner)
        if new and len(self.files) > self.max_share * images:
            raise DatasetError(
                f'{new[-1]}: the image cannot be read, which makes {len(self.files)} of {images} '
                f'training images, more than UnreadableImageHook max_share={self.max_share} '
                'allows; repair the files that msvitreid check-data names, or raise max_share'
            )

    @master_only
    def _write(self, runner: Runner) -> None:
        with atomic_write(Path(runner.work_dir) / FILE_NAME) as temporary:
            # Bytes, as the name of a file need not be valid text.
            lines = [os.fsencode(path) + b'\n' for path in sorted(self.files)]
            temporary.write_bytes(b''.join(lines))
