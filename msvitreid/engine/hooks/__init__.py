from .plain_checkpoint_hook import PlainCheckpointHook
from .weight_average_hook import WeightAverageHook

__all__ = ['PlainCheckpointHook', 'WeightAverageHook']
