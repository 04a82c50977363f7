from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from msvitreid.engine.bare_model import bare_model
from msvitreid.registry import HOOKS


@HOOKS.register_module()
class InferenceNetHook(Hook):
    """Exchanges the net for a faster copy in a run that only tests.

    The copy is MSViT with fewer passes, or what the config's ``backend`` asks for
    (:mod:`msvitreid.deployment.backends`).
    """

    # After the summary, which names the parts of the net as it is configured.
    priority = 'LOWEST'

    def before_test(self, runner: Runner) -> None:
        if runner._train_loop is not None:
            return
        # Models import the engine's checkpoints.
        from msvitreid.models.fused import fuse_for_inference

        backend = runner.cfg.get('backend')
        if backend is None:
            net = fuse_for_inference(bare_model(runner))
        else:
            from msvitreid.deployment.backends import to_backend

            net = to_backend(bare_model(runner), backend)
        if is_model_wrapper(runner.model):
            runner.model.module = net
        else:
            runner.model = net
