from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import IterBasedTrainLoop, Runner

from msvitreid.checkpoints import read_checkpoint, write_checkpoint
from msvitreid.checkpoints.checkpoint_names import BEST_NAME, EPOCH_TEMPLATE, ITERATION_TEMPLATE
from msvitreid.errors import ConfigError
from msvitreid.registry import HOOKS
from msvitreid.utils.files import atomic_write


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """mmengine's ``CheckpointHook``, which removes old files only when the new one is complete.

    mmengine 0.10.7 removes first: killed during a save, or with a full disk, a run has one
    checkpoint less than ``max_keep_ckpts``, or none, and no best one. Here there are at every
    moment as many complete files as are to be kept, and for the time of a save one more.

    The options are mmengine's but for ``out_dir`` and ``filename_tmpl``: all that looks for
    checkpoints looks for ``epoch_N.pth`` and ``iter_N.pth`` in the work directory. ``by_epoch``
    has to be the loop's. ``last_checkpoint`` and published files appear under their names when
    they are complete.

    Raises:
        ConfigError: ``out_dir`` or another ``filename_tmpl`` is given; before the first step, if
            ``by_epoch`` is not the loop's.
    """

    #: A misspelt option would be an error at the first save only.
    names_all_options = True

    max_keep_ckpts: int
    keep_ckpt_ids: list[int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.out_dir:
            raise ConfigError(
                f'default_hooks.checkpoint.out_dir is {str(self.out_dir)!r}, but checkpoints lie '
                'in work_dir; remove the option and give the folder as --work-dir'
            )
        usual = EPOCH_TEMPLATE if self.by_epoch else ITERATION_TEMPLATE
        if self.filename_tmpl != usual:
            raise ConfigError(
                f'default_hooks.checkpoint.filename_tmpl is {self.filename_tmpl!r}, but --resume '
                f'looks for {usual.format("N")}; remove the option'
            )

    def before_train(self, runner: Runner) -> None:
        counts_iterations = isinstance(runner.train_loop, IterBasedTrainLoop)
        if self.by_epoch and counts_iterations:
            raise ConfigError(
                'default_hooks.checkpoint.by_epoch is True in a run that counts iterations, '
                'which would save nothing before its end; set it to False, and its interval to '
                'a number of iterations'
            )
        if not self.by_epoch and not counts_iterations:
            raise ConfigError(
                'default_hooks.checkpoint.by_epoch is False in a run of epochs, which cannot be '
                'resumed from iter_N.pth, somewhere in an epoch; remove it, and set its interval '
                'to a number of epochs'
            )
        limit, self.max_keep_ckpts = self.max_keep_ckpts, -1
        super().before_train(runner)
        self.max_keep_ckpts = limit
        self.keep_ckpt_ids = list(runner.message_hub.runtime_info.get('keep_ckpt_ids', ()))
        if is_main_process():
            self._prune()
            self._remove_surpassed()

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict[str, Any]
    ) -> None:
        if self.max_keep_ckpts > 0:
            others = [kept for kept in self.keep_ckpt_ids if kept != step]
            self.keep_ckpt_ids = [*others, step]
            # With the file that is removed last: a run that is killed before, removes it when
            # it is resumed.
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        filename = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            filename,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            with atomic_write(Path(runner.work_dir) / 'last_checkpoint') as temporary:
                temporary.write_text(str(self.last_ckpt), encoding='utf-8')
            self._prune()

    def _prune(self) -> None:
        """Remove the oldest files beyond those to be kept."""
        if self.max_keep_ckpts <= 0:
            return
        paths = {step: self._path(step) for step in self.keep_ckpt_ids}
        present = [step for step, path in paths.items() if self.file_backend.exists(path)]
        for step in present[: -self.max_keep_ckpts]:
            self.file_backend.remove(paths[step])
        self.keep_ckpt_ids = present[-self.max_keep_ckpts :]

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        if not self.save_best:
            return
        # What mmengine does not know of, it does not remove.
        before = self._best_paths()
        self._set_best_paths(dict.fromkeys(before))
        try:
            super()._save_best_checkpoint(runner, metrics)
        finally:
            after = self._best_paths()
            self._set_best_paths({key: after[key] or before[key] for key in before})
        replaced = {before[key] for key in before if after[key]} - {None, *after.values()}
        for path in sorted(map(str, replaced)):
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)
                runner.logger.info(f'The previous best checkpoint {path} is removed')

    def _remove_surpassed(self) -> None:
        """Remove best files that a run which was killed meanwhile left next to a better one."""
        best = self._best_paths().values() if self.save_best else ()
        for path in map(Path, filter(None, best)):
            name = BEST_NAME.fullmatch(path.name)
            if name is None or not path.is_file():
                continue
            for other in path.parent.glob('best_*.pth'):
                found = BEST_NAME.fullmatch(other.name)
                if found and found[1] == name[1] and int(found[2]) < int(name[2]):
                    other.unlink()

    def _best_paths(self) -> dict[str, str | None]:
        """The best file of each metric, under ``''`` if there is one metric."""
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, Any]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    @master_only
    def _publish_model(self, runner: Runner, ckpt_path: str) -> None:
        keys = self.published_keys or ()
        checkpoint = {k: v for k, v in read_checkpoint(ckpt_path).items() if k in keys}
        sha256 = hashlib.sha256(pickle.dumps(checkpoint)).hexdigest()
        path = f'{Path(ckpt_path).with_suffix("")}-{sha256[:8]}.pth'
        write_checkpoint(checkpoint, path)
        runner.logger.info(f'The checkpoint ({ckpt_path}) is published to {path}.')
