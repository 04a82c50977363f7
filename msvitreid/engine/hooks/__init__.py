from .amp_skip_hook import AmpSkipHook
from .non_finite_loss_hook import NonFiniteLossHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .preemption_hook import PreemptionHook
from .step_seed_hook import StepSeedHook
from .unreadable_image_hook import UnreadableImageHook
from .weight_average_hook import WeightAverageHook

__all__ = [
    'AmpSkipHook',
    'NonFiniteLossHook',
    'PlainCheckpointHook',
    'PreemptionHook',
    'StepSeedHook',
    'UnreadableImageHook',
    'WeightAverageHook',
]
