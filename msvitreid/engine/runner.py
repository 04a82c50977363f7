from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed, is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import BaseLoop, Runner, find_latest_checkpoint
from mmengine.visualization import Visualizer
from torch import nn
from torch.utils.data import DataLoader

from msvitreid.checkpoints import (
    digest,
    extract_state_dict,
    fill_model,
    read_checkpoint,
    read_model_file,
)
from msvitreid.checkpoints.model_file import is_model_file
from msvitreid.datasets.loading.seeded_loader import own_worker_warning, warn_of_many_workers
from msvitreid.errors import CheckpointError, ConfigError, OutputError
from msvitreid.registry import LOOPS, MODEL_WRAPPERS, MODELS, RUNNERS
from msvitreid.registry.refusals import REFUSALS, refusals
from msvitreid.registry.type_names import short_type
from msvitreid.utils.files import atomic_write, make_folder, writing_into
from msvitreid.utils.versions import versions

from .config.checking import check_config
from .config.class_count import build_dataset, count_classes, needs_classes, with_class_count
from .config.completion import LOADERS, complete_loader
from .config.default_hooks import DEFAULT_HOOKS, OF_MMENGINE
from .config.image_size import check_made_sizes, fill_image_size, made_sizes, stated_image_size
from .config.initial_weights import downloads_by_timm, require_initial_weights
from .config.lazy import with_names
from .config.load_except import load_exceptions
from .config.log_backends import require_packages
from .distributed.gloo import group_timeout, join_processes
from .distributed.rank_agreement import require_same_config, require_same_listing
from .distributed.unwrap_model import unwrap_model
from .hooks.work_dir_hook import WorkDirHook
from .loops.stop_request import StopRequest
from .loops.train_loop import ResumableTrainLoop
from .resume.accepted_changes import StatedSchedule
from .resume.experiment_changes import Change
from .resume.plain_state import make_plain, restore_history
from .resume.position import take_accepted
from .resume.resumable import require_same_experiment, require_same_file, require_training_state
from .summary.start_log import StartLog
from .summary.terminal import begin_start


@RUNNERS.register_module()
class ReIDRunner(Runner):
    """mmengine's ``Runner`` with the class count from the data and honest checkpoints.

    - ``model.head.num_classes`` is filled in from the training dataset, which is built
      once, when the model is; without training data a re-identification head has no
      classifiers, and a head that needs them gets their number from the test dataset.
    - A checkpoint must fill the whole model, or loading is an error.
    - Several processes run without a GPU too, over gloo; not with ``sync_bn``.
    - A run goes on where it was cut off (:class:`ResumableTrainLoop`, :class:`StepSeedHook`,
      :class:`PreemptionHook`) and ends with the weights of an undisturbed one.
    - ``compile=True``, or options of ``torch.compile``, compiles the backbone.
    - The terminal shows a summary instead of all that is logged until the first step.
    - Checkpoints hold tensors and plain containers only, so that ``weights_only=True``
      reads them, and appear under their name when they are complete.
    - A start that fails leaves the work directory as it was: no log, and the config of the run
      before.
    """

    #: What a config states once is filled in where the runner is built, not when it is read.
    completes_config = True

    _train_dataloader: Any
    _test_dataloader: Any
    model: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.stop_request = StopRequest()
        self.accepted_changes: dict[str, Change] = {}
        self._resumed: Mapping[str, Any] = {}
        self._start_log = StartLog(self)
        sections = dict(inspect.signature(Runner).bind(*args, **kwargs).arguments)
        # The config stays as it is stated; what is built from it is completed.
        cfg = sections.pop('cfg', None) or Config()
        cfg = with_names(Config(cfg) if isinstance(cfg, dict) else cfg)
        check_config({**cfg, **sections}, of_run=True)
        for name in ('env_cfg', 'randomness', 'log_level'):
            if sections.get(name, ...) is None:
                del sections[name]  # to mmengine None is no default
        if 'env_cfg' in sections:
            given = sections['env_cfg'].items()
            sections['env_cfg'] = {key: value for key, value in given if value is not None}
        sections['load_from'] = sections.get('load_from') or None
        for name in LOADERS:
            if isinstance(sections.get(name), dict):
                sections[name] = complete_loader(name, sections[name], cfg)
        size = stated_image_size(cfg)
        sections = {key: fill_image_size(value, size) for key, value in sections.items()}
        self.image_sizes = made_sizes({name: sections.get(name) for name in LOADERS})
        check_made_sizes(sections.get('model'), self.image_sizes)
        with self._start_log:
            super().__init__(**sections, cfg=cfg)

    # What a constructor refuses is an option of the config; the last two compute with them.
    build_log_processor = refusals('log_processor')(Runner.build_log_processor)
    build_evaluator = refusals('an evaluator')(Runner.build_evaluator)
    build_val_loop = refusals('val_cfg')(Runner.build_val_loop)
    build_test_loop = refusals('test_cfg')(Runner.build_test_loop)
    build_optim_wrapper = refusals('optim_wrapper', *REFUSALS, AttributeError, TypeError)(
        Runner.build_optim_wrapper
    )
    build_param_scheduler = refusals('param_scheduler', *REFUSALS, AttributeError, TypeError)(
        Runner.build_param_scheduler
    )

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        begin_start(logger)
        return logger

    @refusals('visualizer')
    def build_visualizer(
        self, visualizer: Visualizer | dict[str, Any] | None = None
    ) -> Visualizer:
        require_packages(visualizer)
        return super().build_visualizer(visualizer)

    @refusals('model')
    def build_model(self, model: nn.Module | dict[str, Any]) -> nn.Module:
        if isinstance(model, Mapping):
            if isinstance(self._train_dataloader, Mapping):
                require_initial_weights(model)
                model = with_class_count(model, partial(self._count_classes, 'train'))
            elif isinstance(self._test_dataloader, Mapping) and needs_classes(model):
                model = with_class_count(model, partial(self._count_classes, 'test'))
            with downloads_by_timm(model):
                model = MODELS.build(model)
        return super().build_model(model)

    def _count_classes(self, split: str) -> int | None:
        """Build the dataset of the training or the test, keep it for its loader, and ask it."""
        name = f'_{split}_dataloader'
        loader = getattr(self, name)
        dataset = loader['dataset']
        if isinstance(dataset, Mapping):
            dataset = build_dataset(dataset)
            setattr(self, name, {**loader, 'dataset': dataset})
            # The net's shape depends on it, which processes cannot find out together.
            require_same_listing(dataset)
        return count_classes(dataset)

    def train(self) -> nn.Module:
        with self.stop_request, self._start_log, writing_into(self.work_dir):
            return super().train()

    def val(self) -> dict[str, Any]:
        with self._start_log:
            return super().val()

    def test(self) -> dict[str, Any]:
        with self._start_log:
            return super().test()

    def dump_config(self) -> None:
        """Nothing yet where a hook calls :meth:`record_start`."""
        if not any(isinstance(hook, WorkDirHook) for hook in self.hooks):
            super().dump_config()

    @master_only
    def record_start(self) -> None:
        """Write the config into the work directory, and keep the log: the first step is done.

        mmengine writes it earlier, where a start that is then refused replaces the config of
        the run whose checkpoints lie there.
        """
        if not self._start_log.is_over:
            self._start_log.is_over = True
            name = self.cfg.filename or f'{self.timestamp}.py'
            stated = copy.copy(self.cfg)
            # A consent is for one start, not for those from the file that this run leaves.
            stated.pop('accept_changes', None)
            with atomic_write(Path(self.work_dir) / Path(name).name) as temporary:
                temporary.write_text(stated.dump(), encoding='utf-8')

    @refusals('env_cfg')
    def setup_env(self, env_cfg: dict[str, Any]) -> None:
        # mmengine 0.10.7 starts several processes on CUDA devices only.
        timeout = group_timeout(env_cfg)
        if self.distributed and not is_distributed() and not torch.cuda.is_available():
            join_processes(self.launcher, timeout)
        super().setup_env(env_cfg)
        self._start_log.goes_to(os.path.join(self.work_dir, self.timestamp))
        require_same_config(self.cfg)

    @refusals('model_wrapper_cfg')
    def wrap_model(
        self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module
    ) -> nn.Module:
        if self.cfg.get('sync_bn') is False:
            self.cfg.sync_bn = None  # whatever is not None is on to mmengine
        if not self.distributed or torch.cuda.is_available():
            return super().wrap_model(model_wrapper_cfg, model)
        if self.cfg.get('sync_bn') is not None:
            raise ConfigError(
                "sync_bn='torch' needs GPUs, and this run is on the CPU; leave it out, or set it "
                'to None'
            )
        options = {
            'type': 'MMDistributedDataParallel',
            'broadcast_buffers': False,
            'find_unused_parameters': self.cfg.get('find_unused_parameters', False),
            **(model_wrapper_cfg or {}),
        }
        return MODEL_WRAPPERS.build(options, default_args={'module': model})

    def register_hook(self, hook: Hook | dict[str, Any], *args: Any, **kwargs: Any) -> None:
        with refusals(f'hook {short_type(hook)}'):
            super().register_hook(hook, *args, **kwargs)

    def register_default_hooks(self, hooks: Mapping[str, Any] | None = None) -> None:
        """As mmengine's, with :data:`DEFAULT_HOOKS` too; ``None`` switches a hook off."""
        own = {name: {'type': kind} for name, kind in DEFAULT_HOOKS.items()}
        stated = {**own, **(hooks or {})}
        # mmengine takes None for its own only.
        kept = {k: v for k, v in stated.items() if v is not None or k in OF_MMENGINE}
        super().register_default_hooks(kept)

    def call_hook(self, fn_name: str, **kwargs: Any) -> None:
        super().call_hook(fn_name, **kwargs)
        if fn_name == 'before_save_checkpoint':
            # After hooks have added theirs.
            make_plain(self, kwargs['checkpoint'])

    @refusals('a data loader')
    def build_dataloader(self, *args: Any, **kwargs: Any) -> DataLoader[Any]:
        with own_worker_warning():
            loader = super().build_dataloader(*args, **kwargs)
        warn_of_many_workers(loader)
        loader.worker_init_fn = self.stop_request.worker_start(loader.worker_init_fn)
        require_same_listing(loader.dataset)
        return loader

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        # mmengine's imports torchvision and runs compilers to write down their versions.
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU'
        facts = {
            **versions(),
            'CUDA': torch.version.cuda,
            'device': device,
            'processes': self.world_size,
            'launcher': self.launcher,
            'seed': self.seed,
            'deterministic': self.deterministic,
            **env_cfg,
        }
        lines = '\n'.join(f'    {name}: {value}' for name, value in facts.items())
        self.logger.info(f'environment:\n{lines}')
        self.logger.info(f'config:\n{self.cfg.pretty_text}')

    @refusals('train_cfg')
    def build_train_loop(self, loop: BaseLoop | Mapping[str, Any]) -> BaseLoop:
        if isinstance(loop, Mapping) and loop.get('by_epoch') and 'type' not in loop:
            options = {key: value for key, value in loop.items() if key != 'by_epoch'}
            parts = {'runner': self, 'dataloader': self._train_dataloader}
            return LOOPS.build({'type': 'ResumableTrainLoop', **options}, default_args=parts)
        return super().build_train_loop(loop)

    def _maybe_compile(self, target: str) -> None:
        # What is tested is exchanged for a faster net first: InferenceNetHook.
        if target != 'test_step':
            self.compile_backbone()

    def compile_backbone(self) -> None:
        """Compile it if the config says so.

        mmengine compiles the whole step, whose optimizer and logging break the graph often.
        """
        options = self.cfg.get('compile')
        if options not in (None, False):
            backbone = unwrap_model(self).get_submodule('backbone')
            backbone.compile(**({} if options is True else options))

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: Any = None,
    ) -> dict[str, Any]:
        """Load a checkpoint that must fill the model; names are taken without ``module.``.

        What the config's ``load_except`` names is left out where training starts from the
        checkpoint; a test and a resumed run fill the whole model.

        Raises:
            CheckpointError: the file is unusable, its weights do not fit, or the run cannot
                be resumed from it.
            ConfigError: a name in ``load_except`` is in neither model nor file.
        """
        if not strict or revise_keys is not None:
            raise CheckpointError(
                'ReIDRunner loads strictly and without renaming; rename or select weights in the '
                f'file {filename!r} itself'
            )
        if is_model_file(filename):
            checkpoint = {'state_dict': dict(read_model_file(filename).tensors)}
        else:
            checkpoint = read_checkpoint(filename, map_location)
        # Hooks may exchange them, as mmengine's EMAHook does where a run is resumed.
        checkpoint['state_dict'] = extract_state_dict(checkpoint, filename)
        if self._resume:
            require_training_state(self, checkpoint, filename)
            self.accepted_changes = require_same_experiment(self, checkpoint, filename)
            take_accepted(self, checkpoint['meta'], self.accepted_changes)
            self._resumed = checkpoint['meta']
            restore_history(self, checkpoint)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        left_out = load_exceptions(self, filename)
        weights = checkpoint['state_dict']
        report = fill_model(unwrap_model(self), weights, filename, left_out)
        self._has_loaded = True
        self.logger.info(report.summary(digest(filename)))
        return checkpoint

    def load_or_resume(self) -> None:
        if is_distributed() and not self._has_loaded:
            # Before anything of a file is refused, by which a process would leave alone.
            file = self._load_from
            if file is None and self._resume:
                file = find_latest_checkpoint(self.work_dir)
            require_same_file(digest(file) if file and Path(file).is_file() else '')
        super().load_or_resume()

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        stated = StatedSchedule(self)
        super().resume(filename, *args, **kwargs)
        stated.restore(self._resumed, self.accepted_changes)
        # The loop was built before the checkpoint gave the seed of its run.
        if isinstance(self.train_loop, ResumableTrainLoop):
            self.train_loop.reseed(self.seed)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        if is_main_process():
            # mmengine would make it again, without the log and the earlier checkpoints.
            if not os.path.isdir(self.work_dir):
                raise OutputError(
                    f'work_dir {self.work_dir!r} was removed while the run was writing there; '
                    f'{filename} is not saved'
                )
            make_folder(out_dir)
            with atomic_write(Path(out_dir) / filename) as temporary:
                super().save_checkpoint(out_dir, temporary.name, *args, **kwargs)
