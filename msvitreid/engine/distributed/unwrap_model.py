from __future__ import annotations

from typing import cast

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn


def unwrap_model(runner: Runner) -> nn.Module:
    """The runner's model without the wrapper that distributed training puts around it."""
    model = runner.model
    return cast(nn.Module, model.module) if is_model_wrapper(model) else model
