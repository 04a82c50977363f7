"""Hooks of a run; `configs/_base_/default_runtime.py` states those that a run has by default.

Where a config is silent, `engine/config/default_hooks.py` decides.
"""

from .amp_skip_hook import AmpSkipHook
from .checkpoint_hook import CheckpointHook
from .deferred_info_hook import DeferredInfoHook
from .inference_net_hook import InferenceNetHook
from .model_file_hook import ModelFileHook
from .non_finite_loss_hook import NonFiniteLossHook
from .preemption_hook import PreemptionHook
from .run_result_hook import RunResultHook
from .start_summary_hook import StartSummaryHook
from .step_seed_hook import StepSeedHook
from .unreadable_image_hook import UnreadableImageHook
from .validation_figures_hook import ValidationFiguresHook
from .weight_average_hook import WeightAverageHook
from .work_dir_hook import WorkDirHook

__all__ = [
    'AmpSkipHook',
    'CheckpointHook',
    'DeferredInfoHook',
    'InferenceNetHook',
    'ModelFileHook',
    'NonFiniteLossHook',
    'PreemptionHook',
    'RunResultHook',
    'StartSummaryHook',
    'StepSeedHook',
    'UnreadableImageHook',
    'ValidationFiguresHook',
    'WeightAverageHook',
    'WorkDirHook',
]
