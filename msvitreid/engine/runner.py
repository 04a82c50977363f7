from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed, is_main_process
from mmengine.runner import Runner
from torch import nn

from msvitreid.errors import CheckpointError
from msvitreid.registry import DATASETS, RUNNERS
from msvitreid.utils.files import appearing

from .bare_model import bare_model
from .checkpoint import fill_model, read_checkpoint, use_safe_loading, weights_of
from .config import complete_config
from .hooks.plain_checkpoint_hook import PlainCheckpointHook


@RUNNERS.register_module()
class ReIDRunner(Runner):
    """mmengine's ``Runner`` with the class count from the data and honest checkpoints.

    - ``model.head.num_classes`` is filled in from the training dataset, which is built
      once, when the model is; without training data the head has no classifiers.
    - A checkpoint must fill the whole model, or loading is an error.
    - Several processes run without a GPU too, over gloo.
    - Checkpoints hold tensors and plain containers only, so that ``weights_only=True``
      reads them, and appear under their name when they are complete.
    """

    _train_dataloader: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        use_safe_loading()
        super().__init__(*args, **kwargs)

    @classmethod
    def from_cfg(cls, cfg: Config | dict) -> ReIDRunner:
        return super().from_cfg(complete_config(Config(cfg) if type(cfg) is dict else cfg))

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        if isinstance(model, Mapping) and isinstance(self._train_dataloader, Mapping):
            head = model.get('head')
            if isinstance(head, Mapping) and 'num_classes' not in head:
                head = {**head, 'num_classes': self._count_classes()}
                model = {**model, 'head': head}
        return super().build_model(model)

    def _count_classes(self) -> int | None:
        """Build the training dataset, keep it for the dataloader, and ask it."""
        dataset = self._train_dataloader['dataset']
        if isinstance(dataset, Mapping):
            dataset = DATASETS.build(dataset)
            dataset.full_init()
            self._train_dataloader = {**self._train_dataloader, 'dataset': dataset}
        return dataset.metainfo.get('num_classes')

    def setup_env(self, env_cfg: dict) -> None:
        # mmengine 0.10.7 starts several processes on CUDA devices only.
        if self.distributed and not is_distributed() and not torch.cuda.is_available():
            torch.distributed.init_process_group('gloo')
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        if self.distributed and not torch.cuda.is_available():
            on_cpu = {'device_ids': None, 'broadcast_buffers': False}
            model_wrapper_cfg = {**on_cpu, **(model_wrapper_cfg or {})}
        return super().wrap_model(model_wrapper_cfg, model)

    def register_hooks(self, default_hooks: Any = None, custom_hooks: Any = None) -> None:
        super().register_hooks(default_hooks, custom_hooks)
        self.register_hook(PlainCheckpointHook())

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = True,
        revise_keys: Any = None,
    ) -> dict:
        """Load a checkpoint that must fill the model; names are taken without ``module.``.

        Raises:
            CheckpointError: the file is unusable or its weights do not fit.
        """
        if not strict or revise_keys is not None:
            raise CheckpointError(
                'ReIDRunner loads strictly and without renaming; rename or select weights in the '
                f'file {filename!r} itself'
            )
        checkpoint = read_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        fill_model(bare_model(self), weights_of(checkpoint, filename), filename)
        if self._resume and 'optimizer' not in checkpoint:
            raise CheckpointError(
                f'checkpoint {filename!r} cannot be resumed: it holds weights only, not the state '
                'of a training run; resume from an epoch_N.pth, or start from these weights with '
                '--cfg-options model.pretrained=...'
            )
        self._has_loaded = True
        self.logger.info(f'loaded checkpoint {filename}')
        return checkpoint

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        super().resume(filename, *args, **kwargs)
        if self.epoch > self.max_epochs:
            raise CheckpointError(
                f'checkpoint {filename!r} is of epoch {self.epoch}, after the last one, '
                f'train_cfg.max_epochs={self.max_epochs}; resume with the options of its run'
            )

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        if is_main_process():
            with appearing(Path(out_dir) / filename) as temporary:
                super().save_checkpoint(out_dir, temporary.name, *args, **kwargs)
