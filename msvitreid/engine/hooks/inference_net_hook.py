from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from msvitreid.deployment.fused import fuse_for_inference
from msvitreid.engine.distributed.unwrap_model import bare_model
from msvitreid.registry import HOOKS

if TYPE_CHECKING:
    from msvitreid.engine.runner import ReIDRunner


@HOOKS.register_module()
class InferenceNetHook(Hook):
    """Exchanges the net for a faster copy in a run that only tests.

    The copy is MSViT with fewer passes, or what the config's ``backend`` asks for
    (:mod:`msvitreid.deployment.backends`). With ``compile`` it is compiled then.
    """

    # After the summary, which names the parts of the net as it is configured.
    priority = 'LOWEST'

    def before_test(self, runner: ReIDRunner) -> None:  # type: ignore[override]
        if runner._train_loop is not None:
            runner.compile_backbone()
            return
        backend = runner.cfg.get('backend')
        net: Any
        if backend is None:
            net = fuse_for_inference(bare_model(runner))
        else:
            from msvitreid.deployment.backends import to_backend

            net = to_backend(bare_model(runner), backend)
        if is_model_wrapper(runner.model):
            runner.model.module = net
        else:
            runner.model = net
        if backend is None:
            runner.compile_backbone()
