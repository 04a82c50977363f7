"""What ``init_cfg=dict(type='Pretrained', checkpoint=...)`` fills a part of a net with."""

from __future__ import annotations

import re
from textwrap import shorten
from weakref import WeakKeyDictionary

from mmengine.logging import print_log
from mmengine.model import PretrainedInit, update_init_info
from torch import Tensor, nn

from msvitreid.checkpoints import (
    LoadReport,
    Reshaped,
    digest,
    extract_state_dict,
    read_checkpoint,
    require_usable_values,
)
from msvitreid.errors import CheckpointError
from msvitreid.registry import WEIGHT_INITIALIZERS

#: A file that fills a smaller share of a part's tensors is another net's.
LEAST_SHARE = 0.1

#: What was loaded into which module, by file.
LOADED_PARTS: WeakKeyDictionary[nn.Module, dict[str, LoadReport]] = WeakKeyDictionary()


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class CheckedPretrainedInit(PretrainedInit):
    """mmengine's ``Pretrained``, but a file of another net is an error.

    mmengine loads what happens to fit and goes on, even with nothing. Here tensors may be
    missing in the file, or only in it, as a classifier's last layer is; what was filled is in
    the log. A part that resizes tensors when it loads them, such as position embeddings, does.

    Args:
        checkpoint: the file.
        prefix: what stands before the part's names in the file.
        map_location: where the tensors are read to.
    """

    def __init__(
        self, checkpoint: str, prefix: str | None = None, map_location: str = 'cpu'
    ) -> None:
        super().__init__(checkpoint, prefix, map_location)

    def __call__(self, module: nn.Module) -> None:
        """Fill ``module``.

        Raises:
            CheckpointError: the file is unusable, holds tensors of another shape or numbers
                that cannot be weights, or fills
                next to nothing.
        """
        weights = self._read()
        own = module.state_dict()
        reshaped, missing, unexpected = [], [], []
        require_usable_values(module, weights, self.checkpoint)
        try:
            missing, unexpected = module.load_state_dict(weights, strict=False)
        except RuntimeError as error:
            names = re.findall(r'size mismatch for (\S+):', str(error))
            if not names or not {*names} <= own.keys() & weights.keys():
                raise self._misfit(module, shorten(str(error), 200)) from error
            reshaped = [
                Reshaped(name, tuple(weights[name].shape), tuple(own[name].shape))
                for name in names
            ]
        report = LoadReport(
            source=self.checkpoint,
            loaded=sorted(name for name in own if _is_weight(name) and name not in missing),
            missing=sorted(filter(_is_weight, missing)),
            reshaped=sorted(reshaped),
            left_out=sorted(unexpected),
        )
        if reshaped:
            raise self._misfit(module, report.problems())
        if len(report.loaded) < LEAST_SHARE * report.wanted:
            raise self._misfit(
                module,
                f'it fills {len(report.loaded)} of {report.wanted} tensors; the part has '
                f'{next(iter(own))!r}, the file {next(iter(weights))!r}',
            )
        LOADED_PARTS.setdefault(module, {})[self.checkpoint] = report
        print_log(
            f'init_cfg of {type(module).__name__}: {report.summary(digest(self.checkpoint))}'
            f'; from scratch: {report.first_missing() or "nothing"}',
            logger='current',
        )
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _read(self) -> dict[str, Tensor]:
        weights = extract_state_dict(
            read_checkpoint(self.checkpoint, self.map_location), self.checkpoint
        )
        if self.prefix is None:
            return weights
        prefix = self.prefix.removesuffix('.') + '.'
        below = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
        if not below:
            raise CheckpointError(
                f'init_cfg.prefix is {self.prefix!r}, but no weights of {self.checkpoint!r} '
                f'begin with it (the first is {next(iter(weights))!r})'
            )
        return below

    def _misfit(self, module: nn.Module, problem: str) -> CheckpointError:
        return CheckpointError(
            f'init_cfg.checkpoint {self.checkpoint!r} does not fit {type(module).__name__}: '
            f'{problem}; name a file of this net, and its prefix there, or train from scratch '
            'with init_cfg=None'
        )


def _is_weight(name: str) -> bool:
    # BatchNorms count their batches themselves where an old file does not.
    return not name.endswith('num_batches_tracked')
